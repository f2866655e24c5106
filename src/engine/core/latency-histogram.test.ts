import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  addLatencies,
  countLatencies,
  latencyBoundsMs,
  latencyBuckets,
  latencyExponent,
  LatencyHistogram,
  latencyQuantile,
  latencyWords,
  noLatencies,
} from './latency-histogram.ts'
import { addWide, readWide } from './wide-counter.ts'

describe('latency histogram', () => {
  it('has bounds that are powers of the fourth root of 2', () => {
    assert.equal(latencyBoundsMs.length, latencyBuckets)
    for (const [bucket, bound] of latencyBoundsMs.slice(0, -1).entries()) {
      const seconds = 2 ** (latencyExponent(bucket) / 4)
      assert.ok(Math.abs(bound / 1000 - seconds) < seconds * 1e-12)
    }
    const doublings = latencyBoundsMs.filter((_, bucket) => bucket % 4 === 0)
    assert.deepEqual(
      doublings.slice(-10),
      [250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000],
    )
    assert.equal(latencyBoundsMs.at(-1), Infinity)
  })

  it('puts every time between the bounds of its bucket', () => {
    const unit = 2 ** -24 * 1000
    for (let us = 0; us < 2 ** 28; us = Math.ceil(us * 1.013) + 1) {
      const histogram = new LatencyHistogram()
      const ms = us / 1000
      histogram.record(ms)
      const bucket = histogram.read().counts.indexOf(1)
      const from = bucket === 0 ? -1 : latencyBoundsMs[bucket - 1]!
      assert.ok(from < ms && ms <= latencyBoundsMs[bucket]! + unit, `${us} µs in ${bucket}`)
    }
  })

  it('puts what equals a bound below it, and what is above into the next bucket', () => {
    for (const [bucket, bound] of latencyBoundsMs.slice(0, -1).entries()) {
      const histogram = new LatencyHistogram()
      histogram.record(bound)
      assert.equal(histogram.read().counts.indexOf(1), bucket)
      histogram.record(bound + 0.0001)
      assert.equal(histogram.read().counts[bucket + 1], 1)
    }
  })

  it('counts nothing that was not measured, and endless times as the longest', () => {
    const histogram = new LatencyHistogram()
    histogram.record(-1)
    histogram.record(NaN)
    assert.equal(countLatencies(histogram.read()), 0)
    histogram.record(Infinity)
    assert.equal(histogram.read().counts.at(-1), 1)
  })

  it('keeps the sum of the times', () => {
    const histogram = new LatencyHistogram()
    for (const ms of [1, 2.5, 1_000_000]) histogram.record(ms)
    assert.equal(histogram.read().sumMs, 1_000_003.5)
  })

  it('stays within the words it was given', () => {
    const words = new Int32Array(latencyWords + 2)
    const histogram = new LatencyHistogram(words, 1)
    histogram.record(0)
    histogram.record(Infinity)
    assert.deepEqual([words[0], words.at(-1)], [0, 0])
    assert.equal(new LatencyHistogram(words, 1).read().counts[0], 1)
    histogram.reset()
    assert.ok(words.every((word) => word === 0))
  })

  it('is added up bucket by bucket', () => {
    const [a, b] = [new LatencyHistogram(), new LatencyHistogram()]
    a.record(1)
    b.record(1)
    b.record(7)
    const sum = addLatencies([a.read(), b.read(), noLatencies])
    assert.equal(countLatencies(sum), 3)
    assert.equal(sum.sumMs, 9)
    assert.equal(Math.max(...sum.counts), 2)
  })

  it('tells quantiles within a fifth', () => {
    const histogram = new LatencyHistogram()
    for (let ms = 1; ms <= 1000; ms += 1) histogram.record(ms)
    const latencies = histogram.read()
    for (const share of [0.01, 0.5, 0.9, 0.99, 1]) {
      const found = latencyQuantile(latencies, share)!
      assert.ok(Math.abs(found - share * 1000) <= share * 200, `${share}: ${found}`)
    }
    assert.equal(latencyQuantile(noLatencies, 0.5), undefined)
  })
})

describe('wide counter', () => {
  it('carries from the lower word to the upper', () => {
    const words = new Int32Array([-2, 0])
    addWide(words, 0, 1)
    assert.equal(readWide(words, 0), 0xffff_ffff)
    addWide(words, 0, 1)
    assert.equal(readWide(words, 0), 0x1_0000_0000)
    addWide(words, 0, 0x7fff_ffff)
    assert.equal(readWide(words, 0), 0x1_7fff_ffff)
  })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../test/support/random.ts'
import { Histogram } from './histogram.ts'

test('quantiles are within 1.6 % of the exact ones', () => {
  const random = new Random(1)
  const histogram = new Histogram()
  const values: number[] = []
  for (let i = 0; i < 20_000; i++) {
    const us = 10 ** (random.integer(0, 6_000) / 1_000)
    values.push(us)
    histogram.addMs(us / 1_000)
  }
  values.sort((a, b) => a - b)
  for (const share of [0.001, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = values[Math.ceil(values.length * share) - 1]!
    const found = histogram.quantileUs(share)
    assert.ok(Math.abs(found - exact) <= exact * 0.016 + 0.1, `${share}: ${found} for ${exact}`)
  }
  histogram.reset()
  assert.equal(histogram.quantileUs(0.5), 0)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RandomIds } from './random-ids.ts'
import { isSampled } from './sampler.ts'
import type { SamplerSettings } from './settings-file.ts'

const ids = new RandomIds(Uint32Array.of(1, 2, 3, 4))
const trace = (): { trace2: number; trace3: number } => ({
  trace2: ids.next(),
  trace3: ids.next(),
})
const sampler = (change: Partial<SamplerSettings>): SamplerSettings => ({
  name: 'AlwaysOn',
  ratio: 1,
  parentBased: false,
  ...change,
})

test('all, none, or a share of the traces', () => {
  const shareOf = (settings: SamplerSettings): number => {
    let taken = 0
    for (let i = 0; i < 20_000; i++) taken += Number(isSampled(settings, trace(), undefined))
    return taken / 20_000
  }
  assert.equal(shareOf(sampler({})), 1)
  assert.equal(shareOf(sampler({ name: 'AlwaysOff' })), 0)
  assert.equal(shareOf(sampler({ name: 'TraceIdRatioBased', ratio: 1 })), 1)
  assert.equal(shareOf(sampler({ name: 'TraceIdRatioBased', ratio: 0 })), 0)
  const tenth = shareOf(sampler({ name: 'TraceIdRatioBased', ratio: 0.1 }))
  assert.ok(Math.abs(tenth - 0.1) < 0.02, String(tenth))
})

test('a share is the same traces for everybody', () => {
  const settings = sampler({ name: 'TraceIdRatioBased', ratio: 0.5 })
  const low = { trace2: 0xff00_0000, trace3: 0 }
  const high = { trace2: 0x00ff_ffff, trace3: 0 }
  assert.equal(isSampled(settings, low, undefined), false)
  assert.equal(isSampled(settings, high, undefined), true)
})

test('the caller’s decision counts where that is asked for', () => {
  const off = sampler({ name: 'AlwaysOff', parentBased: true })
  assert.equal(isSampled(off, trace(), true), true)
  assert.equal(isSampled(off, trace(), undefined), false)
  assert.equal(isSampled(sampler({ parentBased: true }), trace(), false), false)
  assert.equal(isSampled(sampler({}), trace(), false), true)
})

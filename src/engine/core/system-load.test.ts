import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  busyPercent,
  parseMemoryState,
  readCpuTimes,
  readMemoryState,
  readProcessCpuMs,
} from './system-load.ts'

test('memory is read as the kernel writes it', () => {
  const text = `MemTotal:        8000000 kB
MemFree:         1000000 kB
MemAvailable:    5000000 kB
Buffers:           20000 kB
Cached:           300000 kB
SwapCached:            7 kB
SwapTotal:       4000000 kB
SwapFree:        3000000 kB
`
  assert.deepEqual(parseMemoryState(text), {
    totalBytes: 8_000_000 * 1024,
    freeBytes: 1_000_000 * 1024,
    bufferBytes: 20_000 * 1024,
    cachedBytes: 300_000 * 1024,
    swapTotalBytes: 4_000_000 * 1024,
    swapFreeBytes: 3_000_000 * 1024,
  })
  assert.ok(readMemoryState()!.totalBytes > 0)
})

test('time of processors goes on', () => {
  const before = readCpuTimes()
  const own = readProcessCpuMs(process.pid)!
  const end = performance.now() + 60
  while (performance.now() < end);
  assert.ok(readProcessCpuMs(process.pid)! > own)
  assert.ok(readCpuTimes().total >= before.total)
  assert.equal(readProcessCpuMs(2 ** 30), undefined)
})

test('a share is that of the time between two looks', () => {
  assert.equal(busyPercent({ busy: 10, total: 100 }, { busy: 30, total: 140 }), 50)
  assert.equal(busyPercent({ busy: 10, total: 100 }, { busy: 10, total: 100 }), 0)
})

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, mock, test, type TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { type ComplexValue, constantValue } from '../core/complex-value.ts'
import { LogFiles } from '../core/log.ts'
import type { VariableHost } from '../core/variables.ts'
import { type AccessLogTarget, AccessLogWriter } from './access-log.ts'

const host: VariableHost = { get: () => undefined, append: () => false }

interface Bench {
  readonly path: string
  readonly writer: AccessLogWriter
  target(options: Partial<AccessLogTarget>): AccessLogTarget
  read(): Buffer
}

function bench(t: TestContext): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'trijet-log-'))
  const path = join(folder, 'access.log')
  const files = new LogFiles()
  t.after(() => {
    files.close()
    rmSync(folder, { recursive: true })
  })
  return {
    path,
    writer: new AccessLogWriter(files, { defer: setImmediate }),
    target: (options) => ({
      path: constantValue(path),
      syslog: undefined,
      cache: undefined,
      format: { name: 'x', append: (_, sink) => sink.text('line\n') },
      bufferBytes: 0,
      flushMs: 0,
      gzipLevel: 0,
      condition: undefined,
      ...options,
    }),
    read: () => readFileSync(path),
  }
}

describe('access log', () => {
  test('writes the lines of a turn together, at its end', async (t) => {
    const { writer, target, read } = bench(t)
    writer.log([target({}), target({})], host)
    assert.throws(read, /ENOENT/)
    await nextTurn()
    assert.equal(read().toString(), 'line\nline\n')
  })

  test('keeps a buffer until it is full, or is told to flush', async (t) => {
    const { writer, target, read } = bench(t)
    const targets = [target({ bufferBytes: 12 })]
    writer.log(targets, host)
    writer.log(targets, host)
    await nextTurn()
    assert.throws(read, /ENOENT/)
    writer.log(targets, host)
    assert.equal(read().toString(), 'line\n'.repeat(3))
    writer.log(targets, host)
    writer.flush()
    assert.equal(read().toString(), 'line\n'.repeat(4))
  })

  test('flushes a buffer after its time', (t) => {
    mock.timers.enable({ apis: ['setTimeout'] })
    t.after(() => mock.timers.reset())
    const { writer, target, read } = bench(t)
    writer.log([target({ bufferBytes: 1000, flushMs: 50 })], host)
    mock.timers.tick(49)
    assert.throws(read, /ENOENT/)
    mock.timers.tick(1)
    assert.equal(read().toString(), 'line\n')
  })

  test('writes each batch as a gzip member', (t) => {
    const { writer, target, read } = bench(t)
    const targets = [target({ bufferBytes: 1000, gzipLevel: 1 })]
    writer.log(targets, host)
    writer.flush()
    writer.log(targets, host)
    writer.flush()
    assert.equal(gunzipSync(read()).toString(), 'line\nline\n')
  })

  test('leaves out what its condition does not hold for', async (t) => {
    const { writer, target, read } = bench(t)
    const condition = (text: string): ComplexValue => constantValue(text)
    writer.log(
      ['', '0', '1', 'x'].map((text) => target({ condition: condition(text) })),
      host,
    )
    await nextTurn()
    assert.equal(read().toString(), 'line\nline\n')
  })
})

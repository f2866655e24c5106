import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ResponseSpool } from './response-spool.ts'

const folder = mkdtempSync(join(tmpdir(), 'trijet-spool-'))
after(() => rmSync(folder, { recursive: true }))

function collect(spool: ResponseSpool, stopAfter = Infinity): string {
  let text = ''
  let pieces = 0
  spool.drain((bytes, from, to) => {
    text += bytes.toString('latin1', from, to)
    pieces += 1
    return pieces < stopAfter
  })
  return text
}

function push(spool: ResponseSpool, text: string): void {
  const bytes = Buffer.from(`<${text}>`)
  spool.push(bytes, 1, bytes.length - 1)
}

test('memory first, then a file without a name, in order', () => {
  const spool = new ResponseSpool({ memoryBytes: 4, fileBytes: 100, folder })
  for (const text of ['ab', 'cdef', 'gh']) push(spool, text)
  assert.equal(spool.inFile, true)
  assert.deepEqual(readdirSync(folder), [])
  assert.equal(collect(spool, 1), 'ab')
  push(spool, 'ij')
  assert.equal(collect(spool), 'cdefghij')
  assert.equal(spool.empty, true)
  push(spool, 'kl')
  assert.equal(collect(spool), 'kl')
  spool.close()
})

test('full when memory and file are', () => {
  const spool = new ResponseSpool({ memoryBytes: 4, fileBytes: 4, folder })
  push(spool, 'abc')
  assert.equal(spool.full, false)
  push(spool, 'defgh')
  assert.equal(spool.full, true)
  assert.equal(collect(spool), 'abcdefgh')
  assert.equal(spool.full, false)
  spool.close()
})

test('without a file what has come is kept, and nothing more is wanted', () => {
  const spool = new ResponseSpool({ memoryBytes: 2, fileBytes: 0, folder })
  push(spool, 'abcdef')
  assert.equal(spool.full, true)
  assert.equal(spool.inFile, false)
  assert.equal(collect(spool), 'abcdef')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errnoText, failureText, systemError } from './errors.ts'
import { check } from './ffi/socket-calls.ts'
import { ffiAvailable, requireSystem } from './ffi/libc.ts'

test('an error names the call, the code and the subject', () => {
  const error = systemError('connect', 111, '127.0.0.1:80')
  assert.equal(error.message, 'connect ECONNREFUSED 127.0.0.1:80')
  assert.deepEqual(
    { code: error.code, errno: error.errno, syscall: error.syscall },
    { code: 'ECONNREFUSED', errno: -111, syscall: 'connect' },
  )
})

test('a code that Node has no name for is told by its number', () => {
  assert.equal(systemError('recv', 4000).code, 'E4000')
})

test('texts are those of nginx, whoever made the error', () => {
  assert.equal(errnoText(systemError('recv', 104)), '104: Connection reset by peer')
  const error = Object.assign(new Error('read ECONNRESET'), { errno: -104, syscall: 'read' })
  assert.equal(failureText(error), 'recv() failed (104: Connection reset by peer)')
})

test('what a peer did has no stack, and other errors keep theirs', () => {
  assert.equal(systemError('recv', 104).stack, 'Error: recv ECONNRESET')
  assert.match(new Error('ours').stack!, /errors\.test\.ts/)
})

test('a call that must not fail tells where it did', { skip: !ffiAvailable() }, () => {
  const closed = -1
  const call = (): number => check(requireSystem().libc.listen(closed, 1), 'listen')
  assert.throws(call, { code: 'EBADF', stack: /errors\.test\.ts/ })
})

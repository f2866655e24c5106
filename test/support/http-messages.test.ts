/** The strict reader that other tests trust: what it takes, and that it refuses everything else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MalformedMessage, type Message, readRequest, readResponse } from './http-messages.ts'

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const head = 'POST /x HTTP/1.1\r\nHost: a\r\n'

test('requests by length, by chunks, and without a body', () => {
  const read = (text: string): Message => readRequest(bytes(`${text}rest`))!
  assert.equal(read(`${head}Content-Length: 3\r\n\r\nabc`).body.toString(), 'abc')
  const chunked = read(
    `${head}Transfer-Encoding: chunked\r\n\r\n2;a\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\n`,
  )
  assert.equal(chunked.body.toString(), 'abc')
  assert.deepEqual(chunked.trailers, [['X', 'y']])
  assert.equal(read(`${head}\r\n`).framing, 'none')
})

test('nothing is said of a request that is not whole', () => {
  const whole = `${head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`
  for (let end = 0; end < whole.length; end++) {
    assert.equal(readRequest(bytes(whole.slice(0, end))), undefined, `cut at ${end}`)
  }
  assert.equal(readRequest(bytes(whole))!.bytes, whole.length)
})

test('requests that are not well-formed', () => {
  for (const text of [
    'POST  /x HTTP/1.1\r\nHost: a\r\n\r\n',
    'POST /x HTTP/2.0\r\nHost: a\r\n\r\n',
    'POST /x HTTP/1.1\r\n\r\n',
    `${head}Host: b\r\n\r\n`,
    `${head}A : b\r\n\r\n`,
    `${head}A: b\r\n c\r\n\r\n`,
    `${head}A: b\0\r\n\r\n`,
    `${head}A: b\nC: d\r\n\r\n`,
    `${head}no colon\r\n\r\n`,
    `${head}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`,
    `${head}Content-Length: +3\r\n\r\nabc`,
    `${head}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `${head}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    `${head}Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n`,
    `${head}Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n`,
    `${head}Transfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n`,
    `${head}Transfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n`,
  ]) {
    assert.throws(() => readRequest(bytes(text)), MalformedMessage, JSON.stringify(text))
  }
})

test('responses end by length, by chunks, by their status, or with the connection', () => {
  const read = (text: string, context = {}): Message | undefined =>
    readResponse(bytes(text), context)
  assert.equal(read('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')!.body.toString(), 'ok')
  assert.equal(
    read('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n', { method: 'HEAD' })!.body.length,
    0,
  )
  assert.equal(read('HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n')!.body.length, 0)
  assert.equal(read('HTTP/1.1 200 OK\r\n\r\nok'), undefined)
  assert.equal(read('HTTP/1.1 200 OK\r\n\r\nok', { ended: true })!.body.toString(), 'ok')
  assert.equal(read('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok', { ended: true }), undefined)
})

test('responses that are not well-formed', () => {
  for (const text of [
    'HTTP/1.1 200\r\n\r\n',
    'HTTP/1.1 20 OK\r\n\r\n',
    'ICY 200 OK\r\n\r\n',
    'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n',
  ]) {
    assert.throws(() => readResponse(bytes(text)), MalformedMessage, JSON.stringify(text))
  }
})

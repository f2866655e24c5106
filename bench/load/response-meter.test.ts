import assert from 'node:assert/strict'
import { test } from 'node:test'
import { broken, partial, ResponseMeter, whole } from './response-meter.ts'

const response = (body: string, length = body.length, status = '200 OK'): Buffer =>
  Buffer.from(`HTTP/1.1 ${status}\r\nServer: x\r\nContent-Length: ${length}\r\n\r\n${body}`)

function feed(meter: ResponseMeter, bytes: Buffer): number {
  // As the load does it: a larger buffer, of which a part holds what was received.
  const buffer = Buffer.concat([bytes, Buffer.from('\r\n\r\nContent-Length: 99\r\n\r\n')])
  return meter.feed(buffer, bytes.length)
}

test('responses one after the other', () => {
  const meter = new ResponseMeter(5)
  for (let i = 0; i < 3; i++) assert.equal(feed(meter, response('hello')), whole)
})

test('a response cut anywhere', () => {
  const bytes = response('hello')
  for (let cut = 1; cut < bytes.length; cut++) {
    const meter = new ResponseMeter(5)
    assert.equal(feed(meter, bytes.subarray(0, cut)), partial, `cut at ${cut}`)
    assert.equal(feed(meter, bytes.subarray(cut)), whole, `cut at ${cut}`)
  }
})

test('another length, another status, and more than a response are faults', () => {
  assert.equal(feed(new ResponseMeter(5), response('hell')), broken)
  assert.equal(feed(new ResponseMeter(5), response('hello', 5, '502 Bad Gateway')), broken)
  assert.equal(feed(new ResponseMeter(5), response('hello!', 5)), broken)
  assert.equal(feed(new ResponseMeter(5), Buffer.from('HTTP/1.1 200 OK\r\n\r\nhello')), broken)
})

/**
 * Responses that a broken or hostile upstream sends. Whatever it is, the client gets one well-formed answer
 * or a connection that ends, and the next request on either side gets its own answer.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { statusOf, valuesOf } from '../../support/http-messages.ts'
import { Scope } from '../../support/scope.ts'
import { dialogue } from '../dialogue.ts'
import { type Front, startFront } from './front.ts'

const scope = new Scope()
let front: Front
let bytes = ''

before(async () => {
  front = await startFront(scope)
  let good = 0
  front.backend.answer = (request, socket) => {
    if (request.start.includes(' /good')) {
      good += 1
      const body = `good ${good}`
      return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    }
    socket.write(bytes, 'latin1')
    if (!framed(bytes)) socket.end()
    return undefined
  }
})
after(() => scope.close())

/** A reader that knows where the response ends does not wait for the end of the connection. */
function framed(response: string): boolean {
  return /^(?:content-length|transfer-encoding):/im.test(response)
}

const smuggled = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'

const ok = 'HTTP/1.1 200 OK\r\n'

/** Each is refused with 502, or ends the connection behind a truncated answer. */
const hostile = [
  `${ok}Content-Length: 2\r\nContent-Length: 3\r\n\r\nok`,
  `${ok}Content-Length: 2, 2\r\n\r\nok`,
  `${ok}Content-Length: -1\r\n\r\nok`,
  `${ok}Content-Length: +2\r\n\r\nok`,
  `${ok}Content-Length: 0x2\r\n\r\nok`,
  `${ok}Content-Length: 99999999999999999999\r\n\r\nok`,
  `${ok}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  `${ok}Transfer-Encoding: chunked, gzip\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  `${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  `${ok}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
  `${ok}X: a\r\n b\r\nContent-Length: 2\r\n\r\nok`,
  `${ok}X\0: a\r\nContent-Length: 2\r\n\r\nok`,
  `${ok}X: a\0b\r\nContent-Length: 2\r\n\r\nok`,
  `${ok}X: a\rSet-Cookie: b\r\nContent-Length: 2\r\n\r\nok`,
  `${ok}no colon\r\nContent-Length: 2\r\n\r\nok`,
  `${ok}: no name\r\nContent-Length: 2\r\n\r\nok`,
  'HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'ICY 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'nothing like it\r\n\r\n',
  '\0\0\0\0\r\n\r\n',
  `${ok}Transfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n`,
  `${ok}Transfer-Encoding: chunked\r\n\r\n-2\r\nok\r\n0\r\n\r\n`,
  `${ok}Transfer-Encoding: chunked\r\n\r\n2\r\nokok\r\n0\r\n\r\n`,
  `${ok}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nok\r\n0\r\n\r\n`,
  `${ok}X: ${'y'.repeat(200_000)}\r\n\r\n`,
  `${ok}${'X: y\r\n'.repeat(50_000)}\r\n`,
]

/** Each is one whole answer with something behind it that is nobody's. */
const trailing = [
  `${ok}Content-Length: 2\r\n\r\nok${smuggled}`,
  `${ok}Content-Length: 0\r\n\r\n${smuggled}`,
  `${ok}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n${smuggled}`,
  `HTTP/1.1 204 No Content\r\n\r\n${smuggled}`,
  `HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n${smuggled}`,
  `HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\n${smuggled}`,
  `HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
]

for (const response of [...hostile, ...trailing]) {
  test(JSON.stringify(response.slice(0, 90)), async () => {
    bytes = response
    const request = 'GET /bad HTTP/1.1\r\nHost: a.test\r\n\r\n'
    const answer = await dialogue(scope, front.port, request)
    assert(answer.statuses.length <= 1)
    for (const { fields } of answer.answers) checkFields(fields)
    assert(
      answer.answers.every(({ body }) => !body.includes('evil')),
      'bytes of another answer',
    )
    await checkGood()
  })
}

function checkFields(fields: readonly (readonly [string, string])[]): void {
  const named = (name: string): number => valuesOf({ fields }, name).length
  assert(named('content-length') + named('transfer-encoding') <= 1)
  assert.equal(named('set-cookie'), 0)
}

/** Kept connections to the backend must be in step: each answer belongs to its request. */
async function checkGood(): Promise<void> {
  const ask = 'GET /good HTTP/1.1\r\nHost: a.test\r\n\r\n'
  const { answers } = await dialogue(scope, front.port, ask + ask + ask, { answers: 3 })
  const numbers = answers.map(({ body }) => Number(/^good (\d+)$/.exec(body.toString())?.[1]))
  assert.deepEqual(numbers, [numbers[0], numbers[0]! + 1, numbers[0]! + 2])
}

test('a response to HEAD has no body, whatever follows', async () => {
  bytes = `${ok}Content-Length: ${smuggled.length}\r\n\r\n${smuggled}`
  const head = 'HEAD /bad HTTP/1.1\r\nHost: a.test\r\n\r\n'
  const { answers } = await dialogue(scope, front.port, head, { methods: ['HEAD'] })
  assert.equal(answers.length, 1)
  await checkGood()
})

test('an interim answer that never ends in a final one is no answer', async () => {
  bytes = `${'HTTP/1.1 100 Continue\r\n\r\n'.repeat(3)}${ok}Content-Length: 2\r\n\r\nok`
  const request = 'GET /bad HTTP/1.1\r\nHost: a.test\r\n\r\n'
  const { answers, statuses } = await dialogue(scope, front.port, request)
  assert.deepEqual(statuses, [200])
  assert(answers.every((answer) => statusOf(answer) !== 101))
  await checkGood()
})

test('an upgrade that nobody asked for is refused', async () => {
  bytes = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw bytes'
  const request = 'GET /bad HTTP/1.1\r\nHost: a.test\r\n\r\n'
  const { statuses } = await dialogue(scope, front.port, request)
  assert.deepEqual(statuses, [502])
  await checkGood()
})

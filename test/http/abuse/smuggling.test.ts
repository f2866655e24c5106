/**
 * Requests that two peers might read in two ways, through the engine to a strict backend. The table is made
 * of every combination of what is known to have been used: two lengths, lengths with chunks, names and
 * values a lenient peer normalises, chunks with odd sizes, trailers that set lengths.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Scope } from '../../support/scope.ts'
import { type Front, passThrough, startFront } from './front.ts'

const scope = new Scope()
let front: Front
before(async () => {
  front = await startFront(scope)
})
after(() => scope.close())

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n'
const next = 'GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n'

/** A POST with these field lines, whose body a peer that reads chunks takes to end before `smuggled`. */
function post(lines: string, body = `0\r\n\r\n${smuggled}`): string {
  return `POST /outer HTTP/1.1\r\nHost: a.test\r\n${lines}\r\n${body}`
}

const lengths = [
  '',
  'Content-Length: 5\r\n',
  `Content-Length: ${5 + smuggled.length}\r\n`,
  'Content-Length: 0\r\n',
  'Content-Length: 6\r\n',
]

const codings = [
  'Transfer-Encoding: chunked',
  'Transfer-Encoding:chunked',
  'Transfer-Encoding:\tchunked',
  'Transfer-Encoding: chunked ',
  'Transfer-Encoding: chunked\t',
  'Transfer-Encoding: Chunked',
  'TRANSFER-ENCODING: CHUNKED',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding\t: chunked',
  'Transfer-Encoding\x0b: chunked',
  'Transfer-Encoding\0: chunked',
  ' Transfer-Encoding: chunked',
  'Transfer_Encoding: chunked',
  'Transfer Encoding: chunked',
  'Transfer-Encoding: \x0bchunked',
  'Transfer-Encoding: \x0cchunked',
  'Transfer-Encoding: \0chunked',
  'Transfer-Encoding: "chunked"',
  "Transfer-Encoding: 'chunked'",
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunkedx',
  'Transfer-Encoding: chunked;q=0.5',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: identity, chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: ,chunked',
  'Transfer-Encoding: chunked,',
  'Transfer-Encoding:',
  'Transfer-Encoding: cow',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: cow',
  'Transfer-Encoding: cow\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding:\r\n chunked',
  'Transfer-Encoding: chunked\r\n ',
  'X: y\nTransfer-Encoding: chunked',
  'X: y\rTransfer-Encoding: chunked',
  'X: y\r\n\tTransfer-Encoding: chunked',
  'X: y\r\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: ch\xc3\xbcnked',
  'Content-Encoding: chunked',
  'Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked',
]

/** Both orders of a length and a coding, and the coding alone. */
function linesOf(length: string, coding: string): readonly string[] {
  return length === '' ? [`${coding}\r\n`] : [`${length}${coding}\r\n`, `${coding}\r\n${length}`]
}

for (const length of lengths) {
  test(`every coding with ${JSON.stringify(length.trim() || 'no length')}`, async () => {
    for (const coding of codings) {
      for (const lines of linesOf(length, coding)) await check(post(lines))
    }
  })
}

/** Nothing but `/outer` and, where the strict reading has it, what follows may reach the backend. */
async function check(bytes: string): Promise<void> {
  try {
    const { forwarded } = await passThrough(scope, front, [Buffer.from(bytes + next, 'latin1')])
    for (const request of forwarded) assert.equal(request.bytes > 0, true)
  } catch (cause) {
    throw new Error(`with ${JSON.stringify(bytes)}`, { cause })
  }
}

const lengthLines = [
  'Content-Length: 3\r\nContent-Length: 3',
  'Content-Length: 3\r\nContent-Length: 4',
  'Content-Length: 3\r\ncontent-length: 40',
  'Content-Length: 3, 3',
  'Content-Length: 3,40',
  'Content-Length: 03',
  'Content-Length: +3',
  'Content-Length: -3',
  'Content-Length: 3 ',
  'Content-Length: \t3',
  'Content-Length: 3\x0b',
  'Content-Length: 3\0',
  'Content-Length: 0x3',
  'Content-Length: 3.0',
  'Content-Length: 3e0',
  'Content-Length: 3;',
  'Content-Length: "3"',
  'Content-Length: \xb3',
  'Content-Length: 18446744073709551619',
  'Content-Length: 4294967299',
  'Content-Length : 3',
  'Content-Length\t: 3',
  'Content_Length: 3',
  ' Content-Length: 3',
  'X: y\nContent-Length: 3',
  'X: y\rContent-Length: 3',
  'X: y\r\n Content-Length: 3',
  'Content-Length:\r\n 3',
]

test('every form of a length', async () => {
  for (const line of lengthLines) await check(post(`${line}\r\n`, `abc${smuggled}`))
})

const chunkBodies = [
  `0\r\n\r\n${smuggled}`,
  `00000000000000000000\r\n\r\n${smuggled}`,
  `0;a=b\r\n\r\n${smuggled}`,
  `0;a\n\r\n\r\n${smuggled}`,
  `0\n\r\n${smuggled}`,
  `0\r\n\n${smuggled}`,
  `0 \r\n\r\n${smuggled}`,
  `0x0\r\n\r\n${smuggled}`,
  `-0\r\n\r\n${smuggled}`,
  `+0\r\n\r\n${smuggled}`,
  `1\r\nZ0\r\n\r\n${smuggled}`,
  `1\r\nZ\n0\r\n\r\n${smuggled}`,
  `1\r\nZ\r0\r\n\r\n${smuggled}`,
  `1\r\nZZ\r\n0\r\n\r\n${smuggled}`,
  `10000000000000001\r\nZ\r\n0\r\n\r\n${smuggled}`,
  `100000001\r\nZ\r\n0\r\n\r\n${smuggled}`,
  `1;\r\nZ\r\n0\r\n\r\n${smuggled}`,
  `1;x="\r\n"\r\nZ\r\n0\r\n\r\n${smuggled}`,
  `1;x=\r\r\nZ\r\n0\r\n\r\n${smuggled}`,
  `1\r\nZ\r\n0\r\nContent-Length: 50\r\n\r\n${smuggled}`,
  `1\r\nZ\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n${smuggled}`,
  `1\r\nZ\r\n0\r\nHost: b.test\r\n\r\n${smuggled}`,
  `1\r\nZ\r\n0\r\nX: y\n\r\n${smuggled}`,
  `1\r\nZ\r\n0\r\n X: y\r\n\r\n${smuggled}`,
  `1\r\nZ\r\n0\r\nX : y\r\n\r\n${smuggled}`,
  `1\r\nZ\r\n0\r\n\rX: y\r\n\r\n${smuggled}`,
  `1\r\nZ\r\n0\r\nGET /x HTTP/1.1\r\n\r\n${smuggled}`,
  `\r\n1\r\nZ\r\n0\r\n\r\n${smuggled}`,
  ` 1\r\nZ\r\n0\r\n\r\n${smuggled}`,
]

test('every form of chunks', async () => {
  for (const body of chunkBodies) await check(post('Transfer-Encoding: chunked\r\n', body))
})

const heads = [
  'GET /a HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n',
  'GET http://b.test/a HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'GET http://a.test/a HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'GET http://a.test@b.test/a HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'GET //b.test/a HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'GET /a HTTP/1.1\r\nHost: a.test\r\nHost : b.test\r\n\r\n',
  'GET /a HTTP/1.1\r\nHost: a.test\r\n Host: b.test\r\n\r\n',
  'GET /a HTTP/1.1\r\n Host: b.test\r\nHost: a.test\r\n\r\n',
  'GET /a HTTP/1.1\r\nHost: a.test\r\nX: y\r\n\r \r\n\r\n',
  'GET /a HTTP/1.1\r\nHost: a.test\nX: y\r\n\r\n',
  'GET /a HTTP/1.1\nHost: a.test\n\n',
  'GET /a HTTP/1.1\r\nHost: a.test\r\n\n',
  'GET /a\0 HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'GET /a HTTP/1.1\r\nHost: a.test\r\nX: \0\r\n\r\n',
  'GET /a HTTP/1.1\r\nHost: a.test\r\nX\xff: y\r\n\r\n',
  `GET /a HTTP/1.1\r\nHost: a.test\r\nX: ${smuggled}`,
  'GET /a%0d%0aX:%20y HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'GET /a%20HTTP/1.1%0d%0aHost:%20b HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'GET /a?b=%0d%0aX:%20y HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'GET /a HTTP/1.1\r\nHost: a.test\r\nConnection: close, Content-Length\r\nContent-Length: 0\r\n\r\n',
  'GET /a HTTP/1.1\r\nHost: a.test\r\nConnection: Host\r\n\r\n',
  'GET /a HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'GET /a HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc',
  'GET /a HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: TE\r\n\r\n',
  'GET /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'GET /a HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc',
  'HEAD /a HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'GET /a HTTP/9.9\r\nHost: a.test\r\n\r\n',
]

test('heads that hide another', async () => {
  for (const head of heads) await check(head)
})

test('what is not ambiguous passes whole', async () => {
  const cases = [
    [post('Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n0\r\n\r\n'), ['/outer', '/next']],
    [post('Content-Length: 3\r\n', 'abc'), ['/outer', '/next']],
    [post(`Content-Length: ${smuggled.length}\r\n`, smuggled), ['/outer', '/next']],
    [smuggled, ['/smuggled', '/next']],
    ['GET http://a.test/a HTTP/1.1\r\nHost: a.test\r\n\r\n', ['/a', '/next']],
  ] as const
  for (const [bytes, targets] of cases) {
    const { forwarded } = await passThrough(scope, front, [Buffer.from(bytes + next)])
    assert.deepEqual(
      forwarded.map(({ start }) => start.split(' ')[1]),
      targets,
    )
  }
})

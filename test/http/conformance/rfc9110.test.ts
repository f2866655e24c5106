/** RFC 9110, HTTP semantics, as far as an origin server that is also a gateway is asked. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Scope } from '../../support/scope.ts'
import { dialogue } from '../dialogue.ts'
import { ask, echo, field, type Rule, testRules } from './rule.ts'
import { type Server, startServer } from './support.ts'

const scope = new Scope()
let server: Server
before(async () => {
  server = await startServer(scope)
})
after(() => scope.close())

const imfDate = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/
const strongTag = /^"[!#-~]+"$/

const rules: readonly Rule[] = [
  {
    clause: '§5.6.7',
    name: 'dates have the preferred form',
    send: ask('/file.txt'),
    statuses: [200],
    also: (a) => {
      assert.match(field(a, 'date')!, imfDate)
      assert.match(field(a, 'last-modified')!, imfDate)
    },
  },
  {
    clause: '§6.6.1',
    name: 'errors have a date too',
    send: ask('/missing'),
    statuses: [404],
    also: (a) => assert.match(field(a, 'date')!, imfDate),
  },
  {
    clause: '§8.6',
    name: '204 has no length',
    send: ask('/empty'),
    statuses: [204],
    also: (a) => assert.equal(field(a, 'content-length'), undefined),
  },
  {
    clause: '§8.8.3',
    name: 'a file has a strong tag',
    send: ask('/file.txt'),
    statuses: [200],
    also: (a) => assert.match(field(a, 'etag')!, strongTag),
  },
  {
    clause: '§9.1',
    name: 'an unknown method of a file',
    send: ask('/file.txt', '', 'BREW'),
    statuses: [405],
  },
  {
    clause: '§9.1',
    name: 'methods are case-sensitive',
    send: ask('/text', '', 'gEt'),
    statuses: [400],
    closed: true,
  },
  {
    clause: '§9.3.6',
    name: 'CONNECT is not for us',
    send: ask('/text', '', 'CONNECT'),
    statuses: [405],
  },
  {
    clause: '§9.3.8',
    name: 'TRACE gives nothing away',
    send: ask('/text', 'Cookie: secret\r\n', 'TRACE'),
    statuses: [405],
    also: ([a]) => assert.doesNotMatch(a!.body.toString(), /secret/),
  },
  {
    clause: '§10.1.1',
    name: '100-continue when the body is read',
    send: [ask('/echo', 'Content-Length: 2\r\nExpect: 100-continue\r\n', 'POST'), 'hi'],
    statuses: [200],
    also: (a) => assert.match(a[0]!.start, /^HTTP\/1\.1 100 /),
  },
  {
    clause: '§10.1.1',
    name: 'no 100-continue for HTTP/1.0',
    send: 'POST /echo HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi',
    statuses: [200],
    also: (a) => assert.equal(a.length, 1),
  },
  {
    clause: '§10.1.1',
    name: 'no 100-continue before a final refusal',
    send: ask('/echo', 'Content-Length: 2000000\r\nExpect: 100-continue\r\n', 'POST'),
    statuses: [413],
    closed: true,
    also: (a) => assert.equal(a.length, 1),
  },
  {
    clause: '§10.2.2',
    name: 'a redirect names its target',
    send: ask('/moved'),
    statuses: [301],
    also: (a) => assert.match(field(a, 'location')!, /^https?:\/\/a\.test(?::\d+)?\/text$/),
  },
  {
    clause: '§13.1.1',
    name: 'If-Match that fails',
    send: ask('/file.txt', 'If-Match: "x"\r\n'),
    statuses: [412],
  },
  {
    clause: '§13.1.1',
    name: 'If-Match with a star',
    send: ask('/file.txt', 'If-Match: *\r\n'),
    statuses: [200],
  },
  {
    clause: '§13.1.2',
    name: 'If-None-Match with a star',
    send: ask('/file.txt', 'If-None-Match: *\r\n'),
    statuses: [304],
  },
  {
    clause: '§13.1.3',
    name: 'a date that is none is passed over',
    send: ask('/file.txt', 'If-Modified-Since: soon\r\n'),
    statuses: [200],
  },
  {
    clause: '§13.1.4',
    name: 'If-Unmodified-Since that fails',
    send: ask('/file.txt', 'If-Unmodified-Since: Mon, 01 Jan 1990 00:00:00 GMT\r\n'),
    statuses: [412],
  },
  {
    clause: '§14.2',
    name: 'a range',
    send: ask('/file.txt', 'Range: bytes=2-4\r\n'),
    statuses: [206],
    also: ([a]) => {
      assert.equal(a!.body.toString(), '234')
      assert.equal(field([a!], 'content-range'), 'bytes 2-4/10')
    },
  },
  {
    clause: '§14.2',
    name: 'a unit nobody knows is passed over',
    send: ask('/file.txt', 'Range: lines=1-2\r\n'),
    statuses: [200],
  },
  {
    clause: '§14.2',
    name: 'Range is for GET alone',
    send: echo('x', 'Range: bytes=0-0\r\n'),
    statuses: [200],
  },
  {
    clause: '§15.5.17',
    name: 'a range beyond the end',
    send: ask('/file.txt', 'Range: bytes=10-\r\n'),
    statuses: [416],
    also: (a) => assert.equal(field(a, 'content-range'), 'bytes */10'),
  },
  {
    clause: '§7.8',
    name: 'an upgrade nobody offers is passed over',
    send: ask('/text', 'Connection: upgrade\r\nUpgrade: foo/1\r\n'),
    statuses: [200],
    closed: false,
  },
  {
    clause: '§15.5.15',
    name: 'a target that is too long',
    send: ask(`/${'a'.repeat(40_000)}`),
    statuses: [414],
    closed: true,
  },
  {
    clause: '§15.5.14',
    name: 'a body that is too large',
    send: echo('x'.repeat(1_100_000)),
    statuses: [413],
    closed: true,
  },
]

testRules(scope, rules, () => server)

for (const path of ['/file.txt', '/none.txt', '/text', '/missing', '/moved', '/empty', '/echo']) {
  test(`§9.3.2: HEAD ${path} is GET without the body`, async () => {
    const heads = await Promise.all(
      ['GET', 'HEAD'].map((method) =>
        dialogue(scope, server.port, ask(path, '', method), { methods: [method] }),
      ),
    )
    const [get, head] = heads.map(({ answers }) => answers[0]!)
    const without = (answer: typeof get): string[] =>
      answer!.fields
        .filter(([name]) => !/^(?:date|transfer-encoding|content-length)$/i.test(name))
        .map(([name, value]) => `${name}: ${value}`)
    assert.equal(head!.start, get!.start)
    assert.deepEqual(without(head), without(get))
    assert.equal(head!.body.length, 0)
    const length = head!.fields.find(([name]) => /^content-length$/i.test(name))?.[1]
    if (length !== undefined && path !== '/echo') assert.equal(Number(length), get!.body.length)
  })
}

test('§13.2.2: a tag decides, whatever the date says', async () => {
  const first = await dialogue(scope, server.port, ask('/file.txt'))
  const tag = field(first.answers, 'etag')!
  const changed = field(first.answers, 'last-modified')!
  const ask304 = `If-None-Match: "a", W/${tag}\r\nIf-Modified-Since: ${changed}\r\n`
  const same = await dialogue(scope, server.port, ask('/file.txt', ask304))
  assert.deepEqual(same.statuses, [304])
  assert.equal(field(same.answers, 'etag'), tag)
  assert.equal(field(same.answers, 'last-modified'), changed)
  assert.equal(field(same.answers, 'content-length'), undefined)
  const other = `If-None-Match: "a"\r\nIf-Modified-Since: ${changed}\r\n`
  assert.deepEqual((await dialogue(scope, server.port, ask('/file.txt', other))).statuses, [200])
})

test('§13.1.5: a range of what has changed is the whole', async () => {
  const { answers } = await dialogue(scope, server.port, ask('/file.txt'))
  const tag = field(answers, 'etag')!
  const ranged = async (condition: string): Promise<readonly number[]> => {
    const fields = `Range: bytes=0-0\r\nIf-Range: ${condition}\r\n`
    return (await dialogue(scope, server.port, ask('/file.txt', fields))).statuses
  }
  assert.deepEqual(await ranged(tag), [206])
  assert.deepEqual(await ranged('"other"'), [200])
  assert.deepEqual(await ranged(`W/${tag}`), [200], 'a weak tag never matches')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { app, createBench, fault, refused } from '../upstream-members.fixture.ts'

const addition = 'http/upstreams/app/servers/'

const refusals: readonly (readonly [
  method: string,
  path: string,
  body: unknown,
  expected: readonly [status: number, code: string, text: string],
])[] = [
  ['GET', 'http', undefined, [404, 'PathNotFound', 'path not found']],
  ['GET', 'udp/upstreams/', undefined, [404, 'PathNotFound', 'path not found']],
  ['GET', 'http/upstreams/app/peers', undefined, [404, 'PathNotFound', 'path not found']],
  ['GET', `${app}/1/2`, undefined, [404, 'PathNotFound', 'path not found']],
  ['GET', 'http/upstreams/other', undefined, [404, 'UpstreamNotFound', 'upstream not found']],
  ['GET', 'http/upstreams/tcp', undefined, [404, 'UpstreamNotFound', 'upstream not found']],
  ['GET', `${app}/x`, undefined, [400, 'UpStreamBadServerId', 'invalid server id']],
  ['GET', `${app}/-1`, undefined, [400, 'UpStreamBadServerId', 'invalid server id']],
  ['GET', `${app}/9`, undefined, [404, 'UpStreamServerNotFound', 'server not found']],
  ['PATCH', `${app}/9`, {}, [404, 'UpStreamServerNotFound', 'server not found']],
  ['DELETE', `${app}/9`, undefined, [404, 'UpStreamServerNotFound', 'server not found']],
  ['PUT', `${app}/1`, {}, [405, 'MethodNotSupported', 'method not supported']],
  ['DELETE', `${app}/`, undefined, [405, 'MethodNotSupported', 'method not supported']],
  ['POST', 'http/upstreams/', {}, [405, 'MethodNotSupported', 'method not supported']],
  ['GET', 'http/upstreams/static', undefined, [400, 'UpstreamStatic', 'upstream is static']],
  [
    'POST',
    'http/upstreams/static/servers',
    { server: '127.0.0.1:1' },
    [400, 'UpstreamStatic', 'upstream is static'],
  ],
  ['POST', addition, 'x'.repeat(6_000_000), [405, 'TooLargePostBody', 'too large post body']],
  ['POST', addition, '{', [415, 'JsonError', 'json error']],
  ['POST', addition, '[]', [405, 'InvalidJsonBody', 'invalid json body']],
  ['POST', addition, {}, [400, 'UpstreamConfFormatError', 'missing "server" argument']],
  ['POST', addition, { server: '127.0.0.1' }, [400, 'UpstreamBadAddress', 'no port in server']],
  ['POST', addition, { server: 'name.test' }, [400, 'UpstreamBadAddress', 'no port in server']],
  [
    'POST',
    addition,
    { server: '127.0.0.1:99999' },
    [400, 'UpstreamBadAddress', 'invalid "server" argument'],
  ],
  [
    'POST',
    addition,
    { server: 'a;b:80' },
    [400, 'UpstreamBadAddress', 'invalid "server" argument'],
  ],
  [
    'POST',
    addition,
    { server: '{a}:80' },
    [400, 'UpstreamBadAddress', 'invalid "server" argument'],
  ],
  ['POST', addition, { server: 7 }, [400, 'UpstreamBadAddress', 'invalid "server" argument']],
  [
    'POST',
    addition,
    { server: '127.0.0.1:1', weight: 0 },
    [400, 'UpstreamBadWeight', 'invalid weight'],
  ],
  ['PATCH', `${app}/0`, { weight: '5' }, [400, 'UpstreamBadWeight', 'invalid weight']],
  [
    'PATCH',
    `${app}/0`,
    { route: 'r'.repeat(33) },
    [400, 'UpstreamBadRoute', 'route is longer than 32'],
  ],
  [
    'PATCH',
    `${app}/0`,
    { max_conns: -1 },
    [400, 'UpstreamConfFormatError', 'invalid value of "max_conns"'],
  ],
  [
    'PATCH',
    `${app}/0`,
    { fail_timeout: 'soon' },
    [400, 'UpstreamConfFormatError', 'invalid value of "fail_timeout"'],
  ],
  [
    'PATCH',
    `${app}/0`,
    { down: 'yes' },
    [400, 'UpstreamConfFormatError', 'invalid value of "down"'],
  ],
  [
    'PATCH',
    `${app}/0`,
    { colour: 1 },
    [400, 'UpstreamConfFormatError', 'unknown parameter "colour"'],
  ],
  [
    'PATCH',
    `${app}/0`,
    { backup: true },
    [400, 'UpstreamConfFormatError', '"backup" cannot be changed'],
  ],
  ['PATCH', `${app}/0`, { id: 4 }, [400, 'UpstreamConfFormatError', '"id" cannot be changed']],
  [
    'PATCH',
    'stream/upstreams/tcp/servers/0',
    { drain: true },
    [400, 'UpstreamConfFormatError', 'unknown parameter "drain"'],
  ],
  [
    'POST',
    'http/upstreams/hashed/servers',
    { server: '127.0.0.1:1', backup: true },
    [400, 'UpstreamNoBackup', 'upstream has no backup'],
  ],
  ['POST', addition, { server: '127.0.0.1:1', id: 1 }, [409, 'EntryExists', 'server id exists']],
]

for (const [method, path, body, [status, code, text]] of refusals) {
  const shownBody = JSON.stringify(body)?.slice(0, 60) ?? ''
  test(`${method} ${path} ${shownBody} is refused`, async () => {
    const { plane, send: ask } = createBench()
    assert.deepEqual(await refused(ask(method, path, body)), fault(status, code, text))
    assert.equal(plane.state().instructions.size, 0)
  })
}

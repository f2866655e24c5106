import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { SignJWT } from 'jose'
import { configurationFromText } from '../../conf/includes.ts'
import { createApi } from '../api.ts'
import { keyValues } from '../endpoints/key-values.ts'
import { passwords } from '../endpoints/passwords.ts'
import { tokensEndpoint } from '../endpoints/tokens.ts'
import { MemoryPlane } from '../memory-plane.fixture.ts'
import { admit, type Admission, type DoorPolicy, type Visitor } from './admission.ts'
import { type AuditEntry, FileAuditLog } from './audit-log.ts'
import { type Access, everything, type Grant, limitFault, objectionOf } from './grant.ts'
import { type NewToken, TokenError, Tokens } from './tokens.ts'

const start = Date.UTC(2026, 0, 1)

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'trijet-access-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

function openTokens(t: TestContext, folder = makeFolder(t), clock = { now: start }): Tokens {
  const tokens = new Tokens(folder, () => clock.now)
  t.after(() => tokens.close())
  return tokens
}

const wanted: NewToken = {
  name: 'deploy',
  scope: 'change',
  paths: ['/v1/kv'],
  methods: [],
  lifetimeMs: 60_000,
  createdBy: 'a test',
}

test('a grant is as wide as its scope, its paths and its methods', () => {
  const cases: readonly (readonly [Partial<Grant>, string, boolean])[] = [
    [{ scope: 'read' }, 'read GET /v1/kv', true],
    [{ scope: 'read' }, 'change POST /v1/kv', false],
    [{ scope: 'change' }, 'change POST /v1/kv', true],
    [{ scope: 'change' }, 'admin GET /v2/tokens', false],
    [{ scope: 'admin' }, 'admin GET /v2/tokens', true],
    [{ scope: 'admin', paths: ['/v1/kv'] }, 'change POST /v1/kv', true],
    [{ scope: 'admin', paths: ['/v1/kv'] }, 'change POST /v1/kv/a', true],
    [{ scope: 'admin', paths: ['/v1/kv'] }, 'change POST /v1/kvx', false],
    [{ scope: 'admin', paths: ['/v1/kv', '/v2'] }, 'read GET /v2/config', true],
    [{ scope: 'admin', methods: ['GET'] }, 'read GET /v1/kv', true],
    [{ scope: 'admin', methods: ['GET'] }, 'change DELETE /v1/kv', false],
  ]
  for (const [grant, text, may] of cases) {
    const [scope, method, path] = text.split(' ') as [Grant['scope'], string, string]
    const objection = objectionOf({ ...everything, ...grant }, { scope, method, path })
    assert.equal(objection === undefined, may, `${JSON.stringify(grant)} ${text}`)
  }
  assert.match(limitFault({ paths: ['/api/v1/kv'], methods: [] }) ?? '', /no path of the interface/)
  assert.match(limitFault({ paths: ['/v1/kv/'], methods: [] }) ?? '', /no path/)
  assert.match(limitFault({ paths: [], methods: ['get'] }) ?? '', /no method/)
})

test('tokens are good until they expire or are revoked, also after a restart', async (t) => {
  const folder = makeFolder(t)
  const clock = { now: start }
  const first = new Tokens(folder, () => clock.now)
  const { token, record } = await first.create(wanted)
  const other = await first.create({ ...wanted, name: 'endless', lifetimeMs: undefined })
  assert.deepEqual(await first.verify(token), record)
  await first.close()
  assert.equal(statSync(join(folder, 'data/access/token.key')).mode & 0o777, 0o600)
  assert.equal(statSync(join(folder, 'data/access')).mode & 0o777, 0o700)
  assert.ok(!readFileSync(join(folder, 'data/access/tokens.db')).includes(token))

  const second = openTokens(t, folder, clock)
  assert.deepEqual(await second.verify(token), record)
  assert.deepEqual(
    second.list().map(({ name, expires }) => [name, expires]),
    [
      ['deploy', '2026-01-01T00:01:00.000Z'],
      ['endless', null],
    ],
  )
  clock.now += 60_000
  await assert.rejects(second.verify(token), new TokenError('the token has expired'))
  assert.equal(second.list().length, 1)
  assert.equal(await second.revoke(other.record.id), true)
  assert.equal(await second.revoke(other.record.id), false)
  await assert.rejects(second.verify(other.token), new TokenError('the token was revoked'))
})

test('what others have signed, or nobody, is no token', async (t) => {
  const tokens = openTokens(t)
  const { token, record } = await tokens.create(wanted)
  const strangers = openTokens(t)
  const { token: foreign } = await strangers.create(wanted)
  const [head = '', claims = '', signature = ''] = token.split('.')
  const unsigned = Buffer.from('{"alg":"none"}').toString('base64url')
  const wider = Buffer.from(
    JSON.stringify({ iss: 'trijet', jti: record.id, scope: 'admin' }),
  ).toString('base64url')
  const guessed = await new SignJWT({ scope: 'admin' })
    .setProtectedHeader({ alg: 'HS256' })
    .setJti(record.id)
    .setIssuer('trijet')
    .sign(new TextEncoder().encode('a'.repeat(32)))
  for (const bad of [
    foreign,
    `${unsigned}.${claims}.`,
    `${head}.${wider}.${signature}`,
    guessed,
    `${token}x`,
    token.slice(0, -4),
    'x',
    '..',
  ]) {
    await assert.rejects(
      tokens.verify(bad),
      new TokenError('the token is none of this installation'),
    )
  }
})

const loopback: Visitor = {
  peer: '127.0.0.1',
  local: '127.0.0.1',
  credentials: undefined,
  certificateSubject: undefined,
}
const afar: Visitor = { ...loopback, peer: '10.0.0.7', local: '10.0.0.1' }
const reader: Grant = { scope: 'read', paths: [], methods: [] }

interface Attempt {
  readonly visitor: Visitor
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly policy?: Partial<DoorPolicy>
}

async function attempt(
  tokens: Tokens,
  { visitor, token, headers = {}, policy = {} }: Attempt,
): Promise<Admission> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const request = new Request('http://x/', {
    headers: { host: '10.0.0.1', ...authorization, ...headers },
  })
  const all = { serverNames: [], certificates: [], loopback: everything, ...policy }
  const door = { tokens, isAdmin: (uid: number) => uid === 0 || uid === 33 }
  return admit(request, visitor, { door, policy: all })
}

/** `admin of nobody`, `read of certificate CN=a`, `401`. */
function summary(admission: Admission): string {
  if (admission.kind === 'denied') return `${admission.status}`
  const { name = 'nobody', grant } = admission.access
  return `${grant.scope} of ${name}`
}

test('who comes in, and as whom', async (t) => {
  const tokens = openTokens(t)
  const { token, record } = await tokens.create({ ...wanted, scope: 'read' })
  const user = (uid: number): Visitor => ({
    ...loopback,
    peer: 'unix:',
    local: 'unix:',
    credentials: { pid: 7, uid, gid: uid },
  })
  const certified: Visitor = { ...afar, certificateSubject: 'CN=ops' }
  const certificates = [{ subject: 'CN=ops', grant: reader }]
  const named = `read of token deploy (${record.id})`
  const cases: readonly (readonly [what: string, Attempt, string])[] = [
    ['this machine', { visitor: loopback }, 'admin of nobody'],
    ['this machine, kept', { visitor: loopback, policy: { loopback: reader } }, 'read of nobody'],
    ['this machine, shut', { visitor: loopback, policy: { loopback: undefined } }, '401'],
    ['this machine with a token', { visitor: loopback, token }, named],
    ['this machine with a bad token', { visitor: loopback, token: 'x' }, '401'],
    ['afar', { visitor: afar }, '401'],
    ['afar with a token', { visitor: afar, token }, named],
    ['afar with a bad token', { visitor: afar, token: `${token}x` }, '401'],
    ['a token under any name', { visitor: afar, token, headers: { host: 'c.example' } }, named],
    [
      'afar with another scheme',
      { visitor: afar, headers: { authorization: 'Basic eDp5' } },
      '401',
    ],
    [
      'a certificate',
      { visitor: certified, policy: { certificates } },
      'read of certificate CN=ops',
    ],
    ['a certificate nobody asked for', { visitor: certified }, '401'],
    [
      'another certificate',
      { visitor: { ...certified, certificateSubject: 'CN=x' }, policy: { certificates } },
      '403',
    ],
    [
      'any certificate',
      { visitor: certified, policy: { certificates: [{ subject: '*', grant: everything }] } },
      'admin of certificate CN=ops',
    ],
    [
      'a page with a certificate',
      { visitor: certified, headers: { origin: 'http://evil' }, policy: { certificates } },
      '403',
    ],
    ['root', { visitor: user(0) }, 'admin of user 0'],
    ["the engine's user", { visitor: user(33) }, 'admin of user 33'],
    ['another user', { visitor: user(1000) }, '401'],
    ['another user with a token', { visitor: user(1000), token }, named],
    ['a user nobody knows', { visitor: { ...user(0), credentials: undefined } }, '401'],
    [
      'root, with this machine shut',
      { visitor: user(0), policy: { loopback: undefined } },
      'admin of user 0',
    ],
  ]
  for (const [what, given, expected] of cases) {
    assert.equal(summary(await attempt(tokens, given)), expected, what)
  }
})

test('every change is in the audit, and every denial; looking is not', async (t) => {
  const folder = makeFolder(t)
  const file = join(folder, 'logs/audit.log')
  const audit = new FileAuditLog(file, () => start)
  t.after(() => audit.close())
  const tokens = openTokens(t, folder)
  const plane = new MemoryPlane(configurationFromText('events {}', '/t/t.conf').main, '/t')
  const endpoints = [keyValues, passwords, tokensEndpoint(tokens)]
  const api = createApi(endpoints, plane, { timeoutMs: 1000, inFlightMax: 10, audit })
  const ops: Access = { name: 'token ops (1)', grant: { ...everything, scope: 'change' } }
  const send = async (method: string, path: string, body?: string): Promise<number> => {
    const request = new Request(`http://h/api${path}`, { method, body: body ?? null })
    return (await api(request, { remoteAddress: '10.0.0.7', access: ops })).status
  }
  await send('GET', '/v1/kv?key=a')
  await send('POST', '/v1/kv', '{"key":"a","value":"hidden-value"}')
  await send('POST', '/v1/kv', 'nonsense')
  await send('DELETE', '/v1/kv?key=a')
  assert.equal(await send('GET', '/v2/tokens'), 403)
  assert.equal(await send('GET', '/v1/kv?key=auth_basic:a:b'), 403, 'hashes are for admins')
  const masked = '{"key":"a","value":"[redacted]"}'
  assert.equal(await send('POST', '/v1/kv', masked), 403, 'the secret would be lost')
  const user = '{"prefix":"p","user_name":"u","password":"hidden-password"}'
  await send('PUT', '/v1/auth_kv/password', user)
  await send('PUT', '/v1/auth_kv/password', user)

  const text = readFileSync(file, 'utf8')
  assert.doesNotMatch(text, /hidden/)
  const entries = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditEntry & { readonly time: string })
  assert.ok(entries.every(({ actor }) => actor === 'token ops (1)'))
  assert.ok(entries.every(({ peer }) => peer === '10.0.0.7'))
  assert.ok(entries.every(({ time }) => time === '2026-01-01T00:00:00.000Z'))
  assert.deepEqual(
    entries.map(({ outcome, action, query, status }) =>
      [outcome, action, query, status].filter((word) => word !== undefined).join(' '),
    ),
    [
      'done POST /api/v1/kv 200',
      'refused POST /api/v1/kv 400',
      'done DELETE /api/v1/kv key=a 200',
      'denied GET /api/v2/tokens 403',
      'denied POST /api/v1/kv 403',
      'done PUT /api/v1/auth_kv/password 200',
      'refused PUT /api/v1/auth_kv/password 200',
    ],
  )
  assert.equal(entries.at(-1)?.msg, ' user existed')

  renameSync(file, `${file}.1`)
  audit.reopen()
  await send('DELETE', '/v1/kv?key=b')
  assert.match(readFileSync(file, 'utf8'), /"refused".*"DELETE \/api\/v1\/kv"/)
  assert.equal(readFileSync(`${file}.1`, 'utf8'), text)
})

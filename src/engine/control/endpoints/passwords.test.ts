import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configurationFromText } from '../../conf/includes.ts'
import { type Verdict, verifyPassword } from '../../http/auth/password.ts'
import { type ApiHandler, createApi } from '../api.ts'
import { MemoryPlane } from '../memory-plane.fixture.ts'
import { keyValues } from './key-values.ts'
import { passwords } from './passwords.ts'
import { privilegedAgent } from './privileged-agent.ts'

interface Answer {
  readonly status: number
  readonly text: string
}

function createPlane(): { api: ApiHandler; plane: MemoryPlane } {
  const plane = new MemoryPlane(configurationFromText('events {}', '/t/conf/t.conf').main, '/t')
  return { api: createApi([passwords, keyValues, privilegedAgent], plane), plane }
}

async function send(
  api: ApiHandler,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  const content = typeof body === 'string' ? body : body === undefined ? null : JSON.stringify(body)
  const request = new Request(`http://127.0.0.1/api/v1${path}`, { method, body: content })
  const response = await api(request, { remoteAddress: '127.0.0.1' })
  return { status: response.status, text: await response.text() }
}

const ok: Answer = { status: 200, text: '{"code":0,"msg":"success."}' }

function refused(msg: string, status = 200): Answer {
  return { status, text: JSON.stringify({ code: 4, msg }) }
}

function verify(password: string, stored: string): Promise<Verdict> {
  return new Promise((resolve) => {
    const verdict = verifyPassword(password, stored, resolve)
    if (verdict !== undefined) resolve(verdict)
  })
}

const ann = { prefix: 'staff', user_name: 'ann', password: 'geheim ü' }
const annPath = '/auth_kv/password/staff/ann'

test('a user is added, gets another password, and is removed', async () => {
  const { api, plane } = createPlane()
  const stored = async (): Promise<string> =>
    (await plane.keyValues.get('auth_basic:staff:ann')) ?? ''
  assert.deepEqual(await send(api, 'PUT', '/auth_kv/password', ann), ok)
  const first = await stored()
  assert.match(first, /^\$(y|6)\$/)
  assert.equal(await verify('geheim ü', first), 'match')
  assert.equal(await verify('geheim', first), 'mismatch')
  assert.deepEqual(await send(api, 'PUT', '/auth_kv/password', ann), refused(' user existed'))
  assert.equal(await stored(), first)

  assert.deepEqual(await send(api, 'PATCH', annPath, { password: 'geheim ü' }), ok)
  assert.notEqual(await stored(), first, 'the salt is another')
  assert.equal(await verify('geheim ü', await stored()), 'match')
  assert.deepEqual(await send(api, 'DELETE', annPath), ok)
  assert.deepEqual(await send(api, 'DELETE', annPath), refused(' user is not exist'))
  const again = await send(api, 'PATCH', annPath, { password: 'x' })
  assert.deepEqual(again, refused(' user is not exist'))
  assert.equal(await stored(), '')
})

test('of several requests for one new user, one is told that it exists', async () => {
  const { api } = createPlane()
  const answers = await Promise.all(
    ['one', 'two', 'three'].map((password) =>
      send(api, 'PUT', '/auth_kv/password', { ...ann, password }),
    ),
  )
  const sorted = answers.map(({ text }) => text).toSorted()
  const existed = refused(' user existed').text
  assert.deepEqual(sorted, [ok.text, existed, existed].toSorted())
})

test('what is no user changes nothing', async () => {
  const { api } = createPlane()
  const empty = refused(' prefix, user_name and password should not be empty', 400)
  const path = '/auth_kv/password'
  for (const body of [
    '',
    '[]',
    'null',
    '{"prefix":"a"',
    { prefix: 'staff', user_name: 'ann' },
    { ...ann, password: '' },
    { ...ann, prefix: '' },
    { ...ann, user_name: 7 },
  ]) {
    assert.deepEqual(await send(api, 'PUT', path, body), empty, JSON.stringify(body))
  }
  assert.deepEqual(await send(api, 'PATCH', annPath, {}), empty)
  const odd = ' prefix and user_name must not contain ":" or control characters'
  assert.deepEqual(await send(api, 'PUT', path, { ...ann, user_name: 'a:b' }), refused(odd, 400))
  assert.deepEqual(await send(api, 'PUT', path, { ...ann, prefix: 'a\nb' }), refused(odd, 400))
  const long = await send(api, 'PUT', path, { ...ann, password: 'x'.repeat(512) })
  assert.deepEqual(long, refused(' password is longer than 511 bytes', 400))
})

test('paths and methods', async () => {
  const { api } = createPlane()
  const path = refused(' url path not allowed', 404)
  const method = refused(' method not allowed', 405)
  assert.deepEqual(await send(api, 'PUT', '/auth_kv', ann), path)
  assert.deepEqual(await send(api, 'PUT', '/auth_kv/passwords', ann), path)
  assert.deepEqual(await send(api, 'PATCH', '/auth_kv/password/staff', ann), path)
  assert.deepEqual(await send(api, 'DELETE', `${annPath}/more`), path)
  assert.deepEqual(await send(api, 'POST', '/auth_kv/password', ann), method)
  assert.deepEqual(await send(api, 'GET', annPath), method)
})

test('names may need escaping in a path', async () => {
  const { api } = createPlane()
  const user = { prefix: 'a/b', user_name: 'ann+x@example', password: 'p' }
  assert.deepEqual(await send(api, 'PUT', '/auth_kv/password', user), ok)
  assert.deepEqual(await send(api, 'DELETE', '/auth_kv/password/a%2Fb/ann%2Bx%40example'), ok)
})

test('the key of the number of workers sets it', async () => {
  const { api, plane } = createPlane()
  const count = async (): Promise<number> => (await plane.processes()).length
  const key = '__master_worker_count'
  assert.deepEqual(await send(api, 'POST', '/kv', { key, value: '3' }), { status: 200, text: '' })
  assert.equal(await count(), 3)
  for (const value of ['0', '513', 'two', '', '-1', '1.5', '03']) {
    const answer = await send(api, 'POST', '/kv', { key, value })
    assert.equal(answer.status, 400, value)
    assert.match(answer.text, /from 1 to 512/)
  }
  assert.equal(await count(), 3)
  assert.equal((await send(api, 'GET', `/kv?key=${key}`)).text, '3')
  assert.equal((await send(api, 'DELETE', `/kv?key=${key}`)).status, 200)
  assert.equal(await count(), 1)
  assert.equal((await send(api, 'DELETE', `/kv?key=${key}`)).status, 404)
})

test('tells whether changes can be made', async () => {
  const { api } = createPlane()
  assert.deepEqual(await send(api, 'GET', '/privilege_agent'), {
    status: 200,
    text: '{"ready":true}',
  })
  assert.equal((await send(api, 'POST', '/privilege_agent', {})).status, 404)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { configurationFromText } from '../../conf/includes.ts'
import type { Tokens } from '../access/tokens.ts'
import { createApi, type Endpoint } from '../api.ts'
import { tokensEndpoint } from '../endpoints/tokens.ts'
import { knownEndpoints } from '../http-modules.ts'
import { MemoryPlane } from '../memory-plane.fixture.ts'
import type { Operation } from '../operation.ts'
import { createDoc } from './doc.ts'
import { toOpenApi } from './openapi.ts'
import { openPage, type Page, type PageElement } from './page.fixture.ts'

const noTokens = { list: () => [], revoke: async () => false } as unknown as Tokens
const endpoints: readonly Endpoint[] = [...knownEndpoints, tokensEndpoint(noTokens)]
const document = toOpenApi(endpoints, { version: '1.2.3', base: '/api' })
const doc = createDoc(document, '/doc')

function operationsOf({ operations }: Endpoint): readonly Operation[] {
  return operations
}

test('the document is one of OpenAPI 3.1', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document))
  assert.ok(valid, JSON.stringify(errors, null, 2))
  const broken = structuredClone(document) as { paths: Record<string, Record<string, object>> }
  broken.paths['/v1/kv']!['get'] = { responses: { 200: {} } }
  assert.equal((await new Validator().validate(broken)).valid, false, 'the validator does look')
})

test('every operation stands once, below the key of its endpoint, with an id of its own', () => {
  const ids = new Set<string>()
  const keys = endpoints.map(({ key }) => key)
  assert.equal(new Set(keys).size, keys.length, 'an endpoint of its own for each key')
  for (const endpoint of endpoints) {
    assert.ok(endpoint.operations.length > 0, endpoint.key)
    for (const { method, path } of endpoint.operations) {
      assert.ok(path === endpoint.key || path.startsWith(`${endpoint.key}/`), path)
      const paths = document['paths'] as Record<string, Record<string, { operationId: string }>>
      const id = paths[path]![method]!.operationId
      assert.ok(!ids.has(id), id)
      ids.add(id)
    }
  }
})

test('examples have the fields that are required, and no others', () => {
  for (const { method, path, body } of endpoints.flatMap(operationsOf)) {
    const { properties, required = [], examples = [] } = body ?? {}
    if (body?.type !== 'object' || properties === undefined) continue
    for (const example of examples as readonly object[]) {
      const names = Object.keys(example)
      const where = `${method} ${path}: ${names.join()}`
      assert.ok(
        required.every((name) => names.includes(name)),
        where,
      )
      if (body.additionalProperties !== true) {
        assert.ok(
          names.every((name) => Object.hasOwn(properties, name)),
          where,
        )
      }
    }
  }
})

test('serves the page, the document, and nothing else', async () => {
  const get = (path: string): Response => doc(new Request(`http://127.0.0.1${path}`))
  assert.equal(get('/doc').headers.get('location'), '/doc/')
  assert.equal(get('/doc/swagger/').headers.get('location'), '/doc/')
  assert.match(await get('/doc/').text(), /<title>Trijet dynamic API<\/title>/)
  assert.deepEqual(await get('/doc/openapi.json').json(), JSON.parse(JSON.stringify(document)))
  assert.equal(get('/doc/../conf').status, 404)
  assert.equal(doc(new Request('http://127.0.0.1/doc/', { method: 'POST' })).status, 404)
})

interface Tried {
  readonly page: Page
  readonly asked: readonly string[]
  readonly authorizations: readonly (string | null)[]
}

/** The page over an interface in memory. */
async function tryPage(): Promise<Tried> {
  const plane = new MemoryPlane(configurationFromText('events {}', '/t/conf/t.conf').main, '/t')
  const api = createApi(endpoints, plane)
  const asked: string[] = []
  const authorizations: (string | null)[] = []
  const html = await doc(new Request('http://127.0.0.1/doc/')).text()
  const page = await openPage(html, async (path, init) => {
    const url = new URL(path, 'http://127.0.0.1/doc/')
    const request = new Request(url, init)
    asked.push(`${request.method} ${url.href.slice(url.origin.length)}`)
    authorizations.push(request.headers.get('authorization'))
    if (url.pathname.startsWith('/doc/')) return doc(request)
    return api(request, { remoteAddress: '127.0.0.1' })
  })
  return { page, asked, authorizations }
}

function operation(page: Page, method: string, path: string): PageElement {
  const found = page.operations.children.find((row) => {
    const [summary] = row.all('summary')
    return summary?.children[0]?.text.trim() === method && summary.children[1]?.text.trim() === path
  })
  assert.ok(found !== undefined, `${method} ${path} is on the page`)
  return found
}

test('the page works without anything from elsewhere', async () => {
  const html = await doc(new Request('http://127.0.0.1/doc/')).text()
  assert.doesNotMatch(html, /(?:https?:)?\/\/[a-z0-9.-]+\.[a-z]{2,}/i, 'no address of another host')
  assert.doesNotMatch(html, /<(?:link|img|iframe|script)[^>]+(?:href|src)=/i, 'nothing is loaded')
  const policy = doc(new Request('http://127.0.0.1/doc/')).headers.get('content-security-policy')
  assert.match(policy ?? '', /default-src 'none'.*connect-src 'self'/)
})

test('the page shows every operation and tries it', async () => {
  const { page, asked, authorizations } = await tryPage()
  assert.deepEqual(asked, ['GET /doc/openapi.json'])
  const expected = endpoints
    .flatMap(operationsOf)
    .map(({ method, path }) => `${method.toUpperCase()} /api${path}`)
  const shown = page.operations.children.map((row) => {
    const [summary] = row.all('summary')
    return [0, 1].map((i) => summary!.children[i]!.text.trim()).join(' ')
  })
  assert.deepEqual(shown.toSorted(), expected.toSorted())

  const set = operation(page, 'POST', '/api/v1/kv')
  assert.deepEqual(JSON.parse(set.all('textarea')[0]!.value), { key: 'colour', value: 'blue' })
  await set.all('button')[0]!.click()
  assert.match(set.all('pre')[0]!.text, /^200 /)
  assert.match(set.all('pre')[1]!.text, /401 {2}Who asks must show a token/)
  const get = operation(page, 'GET', '/api/v1/kv')
  get.all('input')[0]!.value = 'colour'
  page.token.value = ' secret '
  await get.all('button')[0]!.click()
  assert.match(get.all('pre')[0]!.text, /^200 .*\n\nblue$/)
  const revoke = operation(page, 'DELETE', '/api/v2/tokens/{id}')
  revoke.all('input')[0]!.value = 'a/b'
  await revoke.all('button')[0]!.click()
  assert.deepEqual(asked.slice(1), [
    'POST /api/v1/kv',
    'GET /api/v1/kv?key=colour',
    'DELETE /api/v2/tokens/a%2Fb',
  ])
  assert.deepEqual(authorizations.slice(1), [null, 'Bearer secret', 'Bearer secret'])
})

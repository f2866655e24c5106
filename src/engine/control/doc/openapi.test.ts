import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configuration } from '../endpoints/configuration.ts'
import { history, rollback } from '../endpoints/history.ts'
import { httpLocations } from '../endpoints/http-locations.ts'
import { keyValues } from '../endpoints/key-values.ts'
import { streamCertificates } from '../endpoints/certificates.ts'
import { streamServers } from '../endpoints/stream-servers.ts'
import { createDoc } from './doc.ts'
import { toOpenApi } from './openapi.ts'

const endpoints = [
  streamServers,
  httpLocations,
  streamCertificates,
  configuration,
  keyValues,
  history,
  rollback,
]
const document = toOpenApi(endpoints, { version: '1.2.3', base: '/api' })

test('every operation stands once, below the key of its endpoint, with an id of its own', () => {
  const ids = new Set<string>()
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

test('serves the page, the document, and nothing else', async () => {
  const doc = createDoc(document, '/doc')
  const get = (path: string): Response => doc(new Request(`http://127.0.0.1${path}`))
  assert.equal(get('/doc').headers.get('location'), '/doc/')
  assert.equal(get('/doc/swagger/').headers.get('location'), '/doc/')
  assert.match(await get('/doc/').text(), /<title>Trijet dynamic API<\/title>/)
  assert.deepEqual(await get('/doc/openapi.json').json(), document)
  assert.equal(get('/doc/../conf').status, 404)
  assert.equal(doc(new Request('http://127.0.0.1/doc/', { method: 'POST' })).status, 404)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configurationFromText } from '../conf/includes.ts'
import { type ApiHandler, createApi } from './api.ts'
import { diff } from './endpoints/diff.ts'
import { events } from './endpoints/events.ts'
import { rollback } from './endpoints/history.ts'
import { runningConfiguration } from './endpoints/running-configuration.ts'
import { eventListenersMax } from './limits.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'

function createPlane(): ApiHandler {
  const { main } = configurationFromText('http {\n    gzip on;\n    expires 1h;\n}\n', '/t/conf')
  const plane = new MemoryPlane(main, '/t')
  return createApi([runningConfiguration, events, diff, rollback], plane)
}

async function send(
  api: ApiHandler,
  method: string,
  path: string,
  { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<Response> {
  const content = body === undefined ? null : JSON.stringify(body)
  const url = `http://127.0.0.1/api/v2/${path}`
  return api(new Request(url, { method, body: content, headers }), { remoteAddress: '127.0.0.9' })
}

async function set(api: ApiHandler, value: string): Promise<void> {
  const body = [{ op: 'replace', path: `/http/${value.split(' ')[0]}`, value }]
  assert.equal((await send(api, 'PATCH', 'config', { body })).status, 200)
}

/** Reads until so many events have come. */
async function readEvents(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  count: number,
): Promise<readonly { id: string; data: Record<string, unknown> }[]> {
  let text = ''
  const found = (): RegExpExecArray[] => [
    ...text.matchAll(/^id: (\d+)\nevent: change\ndata: (.*)\n\n/gm),
  ]
  while (found().length < count) text += Buffer.from((await reader.read()).value!).toString()
  return found().map(([, id, data]) => ({ id: id!, data: JSON.parse(data!) }))
}

test('changes are told as they are made, and those that were missed first', async () => {
  const api = createPlane()
  await set(api, 'gzip off;')
  const live = (await send(api, 'GET', 'events')).body!.getReader()
  assert.equal(Buffer.from((await live.read()).value ?? []).toString(), ': revision 1\n\n')
  const told = readEvents(live, 2)
  await set(api, 'gzip on;')
  await set(api, 'expires 2h;')
  const [second, third] = await told
  assert.deepEqual([second?.id, third?.id], ['2', '3'])
  assert.deepEqual(third?.data, {
    revision: 3,
    time: '1970-01-01T00:00:00.000Z',
    actor: '127.0.0.9',
    peer: '127.0.0.9',
    action: 'PATCH /api/v2/config',
    keys: ['/dyn/config/http/expires'],
  })
  await live.cancel()
  const late = (await send(api, 'GET', 'events', { headers: { 'last-event-id': '1' } })).body!
  const reader = late.getReader()
  assert.deepEqual(
    (await readEvents(reader, 2)).map(({ id }) => id),
    ['2', '3'],
  )
  await reader.cancel()
  assert.equal((await send(api, 'GET', 'events?last=x')).status, 400)
})

test('so many listen and no more, and who leaves makes room', async () => {
  const api = createPlane()
  const streams = await Promise.all(
    Array.from({ length: eventListenersMax }, () => send(api, 'GET', 'events')),
  )
  assert.equal((await send(api, 'GET', 'events')).status, 503)
  await streams[0]!.body!.cancel()
  const next = await send(api, 'GET', 'events')
  assert.equal(next.status, 200)
  for (const { body } of [...streams.slice(1), next]) await body!.cancel()
})

test('revisions are compared', async () => {
  const api = createPlane()
  await set(api, 'gzip off;')
  await set(api, 'expires 2h;')
  const body = async (query: string): Promise<string> =>
    (await send(api, 'GET', `diff${query}`)).text()
  assert.equal(
    await body('?from=0&to=1'),
    '--- revision 0\n+++ revision 1\n@@ -1,4 +1,4 @@\n http {\n-    gzip on;\n+    gzip off;\n     expires 1h;\n }\n',
  )
  assert.match(
    await body(''),
    /^--- revision 1\n\+\+\+ revision 2\n[^]*-    expires 1h;\n\+    expires 2h;/,
  )
  assert.match(await body('?from=2&to=0'), /-    gzip off;\n-    expires 2h;\n\+    gzip on;/)
  await send(api, 'POST', 'rollback', { body: { to: 0 } })
  assert.equal(await body('?from=0&to=3'), '')
  assert.equal((await send(api, 'GET', 'diff?from=9')).status, 404)
  assert.equal((await send(api, 'GET', 'diff?from=x')).status, 400)
})

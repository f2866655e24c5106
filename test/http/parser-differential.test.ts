/** Every case of the parser's table against both: the status we document, and nginx's where it differs. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { parserCases } from '../../src/engine/http/parser-cases.fixture.ts'
import { Scope } from '../support/scope.ts'
import { type Both, hasStatus, startBoth, statusOf, talk } from './both.ts'

const handler = `export default async (request: Request): Promise<Response> => {
  await request.arrayBuffer()
  return new Response('ok')
}`

const scope = new Scope()
let both: Both

before(async () => {
  // Ours reads bodies by a handler; nginx reads and drops them with any answer.
  const server = (rest: string): string => `server { listen {port}; ${rest} }`
  const files = { 'read.ts': handler }
  both = await startBoth(scope, server('location / { return 200 ok; }'), files)
  await both.ours.load(
    `access_log off; ${server('location / { handler read.ts; }')}`.replaceAll(
      '{port}',
      `127.0.0.1:${both.oursPort}`,
    ),
  )
})
after(() => scope.close())

for (const { name, bytes, status, nginx } of parserCases) {
  test(name, async () => {
    const [ours, theirs] = await Promise.all([
      talk(scope, both.oursPort, bytes, hasStatus),
      talk(scope, both.nginxPort, bytes, hasStatus),
    ])
    assert.equal(statusOf(ours), status, 'ours')
    assert.equal(statusOf(theirs), nginx?.status ?? status, 'nginx')
  })
}

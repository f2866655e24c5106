/** The API of members over a plane in this process. */
import assert from 'node:assert/strict'
import { directives } from '../conf/block.ts'
import { configurationFromText } from '../conf/includes.ts'
import { type ApiHandler, createApi } from './api.ts'
import { DynamicState } from './dynamic-state.ts'
import { history, rollback } from './endpoints/history.ts'
import { httpGroups } from './endpoints/upstream-groups.ts'
import { upstreamMembers } from './endpoints/upstream-members.ts'
import { groupsOf } from './group-index.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'

export const files = `
load_module modules/njt_http_dyn_upstream_module.so;
http {
    upstream app { zone app 64k; server 127.0.0.1:1; server 127.0.0.1:2 weight=2; server 127.0.0.1:3 backup; keepalive 8; }
    upstream hashed { zone hashed 64k; hash $uri; server 127.0.0.1; }
    upstream names { zone names 64k; resolver 127.0.0.1; server app.test:80 resolve; }
    upstream static { server 127.0.0.1:1; }
    server { listen 8080; location / { proxy_pass http://app; } }
}
stream {
    upstream tcp { zone tcp 64k; server 127.0.0.1:1; server unix:/run/x.sock; }
}`

export interface Bench {
  readonly plane: MemoryPlane
  readonly send: (method: string, path: string, body?: unknown) => Promise<Answer>
}

interface Answer {
  readonly status: number
  // oxlint-disable-next-line typescript/no-explicit-any -- documents of many shapes
  readonly body: any
}

export function createBench(text: string = files, prefix = '/t'): Bench {
  const { main, diagnostics } = configurationFromText(text, '/t/conf/trijet.conf')
  assert.deepEqual(diagnostics, [])
  const plane = new MemoryPlane(main, prefix)
  const api = createApi([upstreamMembers, httpGroups, history, rollback], plane)
  return { plane, send: (...request) => send(api, ...request) }
}

async function send(
  api: ApiHandler,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  const content = typeof body === 'string' ? body : body === undefined ? null : JSON.stringify(body)
  const at = path.startsWith('/') ? path : `/v1/upstream_api/${path}`
  const request = new Request(`http://127.0.0.1:8081/api${at}`, { method, body: content })
  const response = await api(request, { remoteAddress: '127.0.0.1' })
  const text = await response.text()
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
}

/** The `server` lines of a group, as they stand in the tree. */
export function servers(
  { tree }: DynamicState,
  name: string,
  subsystem: 'http' | 'stream' = 'http',
): string[] {
  const group = groupsOf(tree, subsystem).find(name)!
  return [...directives(group.block!)]
    .filter((node) => node.name === 'server')
    .map(({ args }) => args.join(' '))
}

export const app = 'http/upstreams/app/servers'

interface Fault {
  readonly status: number
  readonly error: { readonly status: number; readonly text: string; readonly code: string }
}

export function fault(status: number, code: string, text: string): Fault {
  return { status, error: { status, text, code } }
}

/** What a refusal says; whatever it is, it names its request. */
export async function refused(answer: Promise<Answer>): Promise<Fault> {
  const { status, body } = await answer
  assert.match(body.request_id, /^[0-9a-f]{32}$/)
  assert.equal(body.href, 'https://njet.org/en/docs/http/njt_http_api_module.html')
  return { status, error: body.error }
}

/** What any process comes to that begins with the files and the instructions in force. */
export function rebasedState(plane: MemoryPlane): DynamicState {
  const { files: tree, instructions } = plane.state()
  const all = [...instructions.entries()].map(([key, body]) => ({ key, body }))
  const { state, leftOut } = DynamicState.rebase(tree, all.toReversed(), '/t')
  assert.deepEqual(leftOut, [])
  return state
}

/** Declarations of a plane in this process, as clients of `/api/v1/config/<key>` see them. */
import assert from 'node:assert/strict'
import { directives } from '../conf/block.ts'
import { configurationFromText } from '../conf/includes.ts'
import { print } from '../conf/printer.ts'
import type { Directive } from '../conf/tree.ts'
import { joinWords } from '../conf/words.ts'
import { type ApiHandler, createApi } from './api.ts'
import { configuration } from './endpoints/configuration.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'
import type { ChangeRequest, ChangeResult } from './plane.ts'

/** Something of everything that declarations change. */
const files = `
http {
    log_format short '$remote_addr ' "$status";
    map $arg_k $mapped { hostnames; default none; a one; }
    split_clients $remote_addr $variant { 12.5% a; * b; }
    split_clients_2 $colour { 10% blue; * green; }
    limit_conn_zone $remote_addr zone=conns:64k;
    limit_req_zone $remote_addr zone=reqs:64k rate=5r/s;
    add_header X-All "$host" always;
    server { listen 8080; server_name one.test "One.Alias";
        allow 10.0.0.0/8; deny 10.1.2.3; allow unix:; deny all;
        location / { proxy_pass http://127.0.0.1:1; auth_basic dialogue; auth_basic_user_file users; }
        location ^~ /kept { access_log logs/a.log short buffer=32k; access_log logs/b.log;
            add_header A 1; add_header B "2 3" always;
            location ~ \\.php$ { access_log off; limit_conn conns 3; limit_req zone=reqs burst=5 nodelay; }
        }
        location = /fault { fault_inject type=delay delay_duration=1s header=X:y; }
        location ( $arg_v = 2 ) { return 200; }
    }
    server { listen 8081; return 200; }
}
stream {
    map $remote_addr $word { default nothing; }
    server { listen 9000; server_name a b; proxy_pass 127.0.0.1:1; }
    server { listen 9001; return text; }
}`

/** Refuses, as workers do, what it cannot compile: any configuration with that word in it. */
class PickyPlane extends MemoryPlane {
  asked = 0

  override async change(request: ChangeRequest): Promise<ChangeResult> {
    this.asked += 1
    const tried = this.state().edit(request.edits(this.state()))
    const msg = /unbearable-\d/.exec(print(tried.tree))?.[0]
    if (msg !== undefined) return { kind: 'refused', reply: { code: 4, msg: `${msg} in place:1` } }
    return super.change(request)
  }
}

export function createPlane(text: string = files): { api: ApiHandler; plane: PickyPlane } {
  const { main, diagnostics } = configurationFromText(text, '/t/conf/trijet.conf')
  assert.deepEqual(diagnostics, [])
  const plane = new PickyPlane(main, '/t')
  return { api: createApi([configuration], plane), plane }
}

export type Json = Readonly<Record<string, unknown>>

async function send(
  api: ApiHandler,
  method: string,
  key: string,
  body?: unknown,
): Promise<{ readonly status: number; readonly json: Json }> {
  const content = typeof body === 'string' ? body : body === undefined ? null : JSON.stringify(body)
  const url = `http://127.0.0.1:8081/api/v1/config/${key}`
  const request = new Request(url, { method, body: content })
  const response = await api(request, { remoteAddress: '127.0.0.1' })
  return { status: response.status, json: JSON.parse(await response.text()) }
}

export async function get(api: ApiHandler, key: string): Promise<Json> {
  const { status, json } = await send(api, 'GET', key)
  assert.equal(status, 200)
  return json
}

export async function put(api: ApiHandler, key: string, body: unknown): Promise<Json> {
  const { status, json } = await send(api, 'PUT', key, body)
  assert.equal(status, 200)
  return json
}

export const success: Json = { code: 0, msg: 'success.' }

/** The first server, as a document names it. */
export const one: Json = { listens: ['0.0.0.0:8080'], serverNames: ['one.test'] }

/** How faults of locations of the first server begin. */
export const prefix = 'servers[0.0.0.0:8080,one.test]'

/** A document for locations of the first server. */
export function located(...locations: readonly Json[]): Json {
  return { servers: [{ ...one, locations }] }
}

/** What a dump says of a location of the first server. */
export async function locationOf(
  api: ApiHandler,
  key: string,
  ...names: readonly string[]
): Promise<Json> {
  const { servers } = (await get(api, key)) as { servers: Json[] }
  let { locations } = servers[0] as { locations: Json[] }
  let found: Json | undefined
  for (const name of names) {
    found = locations.find(({ location }) => location === name)
    locations = (found?.['locations'] ?? []) as Json[]
  }
  const { location: _, locations: __, ...fields } = found!
  return fields
}

/** Simple directives of the configuration that have a word in them, as text. */
export function linesWith(plane: MemoryPlane, word: string): string[] {
  const found: string[] = []
  const collect = (node: Directive): void => {
    for (const child of directives(node.block!)) {
      if (child.block !== undefined) collect(child)
      else found.push(`${joinWords([child.name, ...child.args])};`)
    }
  }
  collect(plane.state().tree)
  return found.filter((line) => line.includes(word))
}

/**
 * Whole configurations set in random orders, and changes by other interfaces in between: what is shown is
 * what was set, what stays keeps its order, and a process that reads the journal at its start finds the same.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../../test/support/random.ts'
import { directives } from '../conf/block.ts'
import { configurationFromText } from '../conf/includes.ts'
import type { Directive } from '../conf/tree.ts'
import { type ApiHandler, createApi } from './api.ts'
import { textOf } from './draft.ts'
import { DynamicState } from './dynamic-state.ts'
import { httpLocations } from './endpoints/http-locations.ts'
import { httpServers } from './endpoints/http-servers.ts'
import { runningConfiguration } from './endpoints/running-configuration.ts'
import { isNewcomer } from './instruction-kinds.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'

const files = `load_module modules/njt_http_location_module.so;
load_module modules/njt_http_dyn_server_module.so;
http {
    add_header A 1;
    map $uri $v { ~a 1; ~b 2; default 3; }
    server { listen 80; server_name a; location ~ 1 { return 201; } location ~ 2 { return 202; } }
    add_header B 2;
    server { listen 80; server_name b; location ~ 1 { return 203; } }
    server { listen 81; server_name c; allow 10.0.0.1; gzip on; deny all; set $x 1; if ($x) { return 204; } set $y 2; }
}
`

const stepsPerRun = 40
const regexes = ['1', '2', '3', '4'] as const
const names = ['a', 'b', 'c', 'd', 'e'] as const

async function send(
  api: ApiHandler,
  method: string,
  path: string,
  body: string,
): Promise<{ readonly ok: boolean; readonly text: string }> {
  const content = method === 'GET' ? null : body
  const request = new Request(`http://127.0.0.1:8081/api${path}`, { method, body: content })
  const response = await api(request, { remoteAddress: '127.0.0.1' })
  const text = await response.text()
  return { ok: response.ok && (method === 'GET' || /"code":0/.test(text)), text }
}

function treeText({ block }: Directive): string {
  return textOf([...directives(block!)])
}

function linesOf(text: string): string {
  const { main, diagnostics } = configurationFromText(text, '/t/c')
  assert.deepEqual(diagnostics, [])
  return treeText(main)
}

/** The same configuration with what stands in some blocks in another order; modules are the files' own. */
function shuffled(random: Random, text: string): string {
  const { main } = configurationFromText(text, '/t/c')
  const write = (nodes: Iterable<Directive>, depth: number): string => {
    const parts = [...nodes].map(({ name, args, block, ...node }) => {
      const head = [name, ...args].join(' ')
      if (block === undefined) return textOf([{ name, args, block, ...node }])
      return `${head} { ${write(directives(block), depth + 1)} }`
    })
    for (let i = depth === 0 ? 0 : random.integer(0, 2); i > 0 && parts.length > 1; i--) {
      const [part] = parts.splice(random.integer(0, parts.length - 1), 1)
      parts.splice(random.integer(0, parts.length), 0, part!)
    }
    return parts.join('\n')
  }
  return write(directives(main.block!), 0)
}

interface Change {
  readonly method: string
  readonly path: string
  readonly body: string
}

function randomRequest(random: Random): Change {
  const name = random.pick(names)
  const regex = random.pick(regexes)
  const port = name === 'c' ? 81 : 80
  const server = `/http/server[${port} ${name}]`
  const value = random.integer(200, 299)
  const location = `location ~ ${regex} { return ${value}; }`
  const door = (op: string, path: string, content?: string): Change => {
    const body = JSON.stringify([{ op, path, ...(content !== undefined && { value: content }) }])
    return { method: 'PATCH', path: '/v2/config', body }
  }
  const place = { addr_port: `0.0.0.0:${port}`, server_name: name }
  const fields = { location_rule: '~', location_name: regex, location_body: `return ${value};` }
  const imperative = (method: string, key: string, body: object): Change => {
    return { method, path: `/v1/${key}`, body: JSON.stringify(body) }
  }
  return random.pick([
    door('add', server, location),
    door('replace', `${server}/location[~ ${regex}]`, location),
    door('replace', `${server}/location[~ ${regex}]`, `location ~ ${random.pick(regexes)} { }`),
    door('remove', `${server}/location[~ ${regex}]`),
    door('add', '/http', `server { listen ${port}; server_name ${name}; ${location} }`),
    door('replace', server, `server { listen ${port}; server_name ${name}; ${location} }`),
    door('replace', `${server}/server_name`, `server_name ${random.pick(names)};`),
    door('remove', server),
    imperative('POST', 'dyn_loc', { type: 'add', ...place, locations: [fields] }),
    imperative('PUT', 'dyn_loc', { type: 'del', ...place, ...fields, location_body: undefined }),
    imperative('POST', 'dyn_srv', { type: 'add', ...place, server_body: `return ${value};` }),
    imperative('PUT', 'dyn_srv', { type: 'del', ...place }),
  ])
}

/** What is in both stands in the same order in both: servers by their names, locations by server. */
function checkOrder(before: string, after: string): void {
  const rows = (text: string): ReadonlyMap<string, readonly string[]> => {
    const found = new Map<string, string[]>([['', []]])
    let server = ''
    for (const line of text.split('\n')) {
      const [, kind, name] = /^ +(server_name|location) (.*?);?( \{)?$/.exec(line) ?? []
      if (kind === 'server_name') {
        server = name!
        found.get('')!.push(name!)
        found.set(server, found.get(server) ?? [])
      }
    }
    return found
  }
  const [old, now] = [rows(before), rows(after)]
  for (const [key, list] of old) {
    const other = now.get(key) ?? []
    const once = (name: string): boolean =>
      [list, other].every((all) => all.filter((one) => one === name).length === 1)
    const shared = list.filter(once)
    assert.deepEqual(other.filter(once), shared, `${before}\n---\n${after}`)
  }
}

for (let seed = 0; seed < 20; seed++) {
  test(`orders that are set are shown, and stay, seed ${seed}`, async () => {
    const random = new Random(seed)
    const { main } = configurationFromText(files, '/t/conf/trijet.conf')
    const plane = new MemoryPlane(main, '/t')
    const api = createApi([runningConfiguration, httpLocations, httpServers], plane)
    let done = 0
    for (let i = 0; i < stepsPerRun; i++) {
      const before = (await send(api, 'GET', '/v2/config', '')).text
      if (random.integer(0, 3) === 0) {
        const wanted = shuffled(random, before)
        const { ok, text } = await send(api, 'PUT', '/v2/config', wanted)
        assert.ok(ok, `${text}\n${wanted}`)
        assert.equal(linesOf((await send(api, 'GET', '/v2/config', '')).text), linesOf(wanted))
        done += 1
      } else {
        const { method, path, body } = randomRequest(random)
        const { ok } = await send(api, method, path, body)
        if (!ok) continue
        done += 1
        checkOrder(before, (await send(api, 'GET', '/v2/config', '')).text)
      }
      const { entries } = await plane.history({ limit: 10_000 })
      const journal = new Map<string, string>()
      for (const { edits } of entries.toReversed()) {
        for (const { key, after } of edits) {
          if (after === null || isNewcomer(journal.get(key))) journal.delete(key)
          if (after !== null) journal.set(key, after)
        }
      }
      const bodies = [...journal].map(([key, body]) => ({ key, body }))
      const anew = DynamicState.rebase(main, bodies, '/t')
      assert.deepEqual(anew.leftOut, [])
      assert.equal(treeText(anew.state.tree), treeText(plane.state().tree))
    }
    assert.ok(done > stepsPerRun / 4, `${done}`)
    const back = await send(api, 'PUT', '/v2/config', files)
    assert.ok(back.ok, back.text)
    assert.equal(linesOf((await send(api, 'GET', '/v2/config', '')).text), linesOf(files))
  })
}

/**
 * Every directive of every context is set live, read back, and rolled back.
 *
 * The walk follows the tables of the built-in modules, so that no directive can be forgotten: one without a
 * legal value in `directive-samples.ts` fails.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test, type TestContext } from 'node:test'
import { directives } from '../../src/engine/conf/block.ts'
import { configurationFromText } from '../../src/engine/conf/includes.ts'
import { textOf } from '../../src/engine/control/draft.ts'
import type { Context } from '../../src/engine/core/module.ts'
import { type DirectiveEntry, ModuleTable } from '../../src/engine/core/module-table.ts'
import { controlBus } from '../../src/engine/control/http-modules.ts'
import { engineModules } from '../../src/engine/process/built-ins.ts'
import { certificateAuthority, certificateFor, revocationListOf } from '../support/certificates.ts'
import { freePorts } from '../support/ports.ts'
import { type Control, host, startControl } from './support.ts'
import {
  exceptions,
  obstacles,
  sampleBlocks,
  samplesByName,
  samplesByType,
} from './directive-samples.ts'

/** One block of each context, by path; what needs others finds them here. */
function configuration(port: number, streamPort: number): { http: string; stream: string } {
  const tls = certificateFor('walk.test', 'rsa')
  return {
    http: `http {
        limit_req_zone $binary_remote_addr zone=requests:1m rate=100r/s;
        limit_conn_zone $binary_remote_addr zone=connections:1m;
        vhost_traffic_status_zone shared:vhosts:1m;
        dyn_kv_conf conf/kv.conf;
        upstream base { zone base 64k; server 127.0.0.1:1; }
        server {
            listen ${host}:${port};
            server_name walk.test;
            ssl_certificate ${tls.certFile};
            ssl_certificate_key ${tls.keyFile};
            if ($http_x) { }
            location /base { if ($http_x) { } limit_except GET { } }
        }
    }`,
    stream: `
        limit_conn_zone $binary_remote_addr zone=sessions:1m;
        log_format walked '$remote_addr';
        server_traffic_status_zone shared:servers:1m;
        upstream base { zone streambase 64k; server 127.0.0.1:1; }
        server { listen ${host}:${streamPort}; server_name walk.test; proxy_pass base; }`,
  }
}

function pathOf(context: Context, [port, streamPort]: readonly number[]): string {
  const server = `/http/server[${host}:${port} walk.test]`
  const paths: Readonly<Record<Context, string>> = {
    main: '',
    events: '/events',
    http: '/http',
    'http.upstream': '/http/upstream[base]',
    'http.server': server,
    'http.server.if': `${server}/if[($http_x)]`,
    'http.location': `${server}/location[/base]`,
    'http.location.if': `${server}/location[/base]/if[($http_x)]`,
    'http.limit_except': `${server}/location[/base]/limit_except[GET]`,
    stream: '/stream',
    'stream.upstream': '/stream/upstream[base]',
    'stream.server': `/stream/server[${host}:${streamPort} walk.test]`,
  }
  return paths[context]
}

class Walk {
  readonly #t: TestContext
  readonly #base: string
  #revision = 0
  before = ''

  constructor(t: TestContext, control: Control) {
    this.#t = t
    this.#base = `http://${host}:${control.port}/api/v2`
  }

  async begin(): Promise<void> {
    this.before = (await this.#ask('GET', '/config')).text
    this.#revision = JSON.parse((await this.#ask('GET', '/history?limit=1')).text).revision
  }

  /** What is wrong with a change; `undefined` for nothing. `path` is where it is to be seen. */
  async visit({ around, path, text, obstacle }: Visit): Promise<string | undefined> {
    const at = encodeURIComponent(path)
    const stands = (await this.#ask('GET', `/config?path=${at}`)).status === 200
    const operation = stands
      ? { op: 'replace', path, value: text }
      : { op: 'add', path: around === '' ? '/' : around, value: text }
    const removals = obstacle === undefined ? [] : [{ op: 'remove', path: obstacle }]
    const made = await this.#ask('PATCH', '/config?dry_run=0', [...removals, operation])
    if (made.status !== 200) return `${text} ${made.status} ${made.text}`
    const { revision } = JSON.parse(made.text)
    if (revision === this.#revision) return `${text} changes nothing`
    const shown = await this.#ask('GET', `/config?path=${at}`)
    const back = await this.#ask('POST', '/rollback', { to: this.#revision })
    if (back.text !== '{"code":0,"msg":"success."}') return `rollback: ${back.text}`
    this.#revision = revision + 1
    if (!says(shown.text, text)) return `${text} is shown as ${shown.text}`
    const after = (await this.#ask('GET', '/config')).text
    return after === this.before ? undefined : `the tree is not what it was: ${after}`
  }

  async #ask(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(this.#base + path, {
      method,
      body: body === undefined ? null : JSON.stringify(body),
      signal: this.#t.signal,
    })
    return { status: response.status, text: await response.text() }
  }
}

interface Visit {
  /** The block around; empty for the main context. */
  readonly around: string
  readonly path: string
  /** What is to stand there. */
  readonly text: string
  /** What goes before. */
  readonly obstacle?: string
}

/** True when the first of the directives that were set stands there as it was set. */
function says(shown: string, text: string): boolean {
  const { main } = configurationFromText(text, 'sample')
  const [first] = [...directives(main.block!)]
  return shown.includes(textOf([first!]))
}

function visitOf(context: Context, entry: DirectiveEntry, around: string): Visit | undefined {
  const { name, row } = entry
  const type = row!.value.describe
  const sample = samplesByName[`${context} ${name}`] ?? samplesByName[name] ?? samplesByType[type]
  if (sample === undefined) return undefined
  const text = sample.endsWith(';') ? sample : `${name}${sample === '' ? '' : ` ${sample}`};`
  const lost = obstacles[name]
  const obstacle = lost === undefined ? {} : { obstacle: `${around}/${lost}` }
  return { around, path: `${around}/${name}`, text, ...obstacle }
}

function blockVisitOf(
  context: Context,
  { name }: DirectiveEntry,
  around: string,
): Visit | undefined {
  const [path, text] = sampleBlocks[`${context} ${name}`] ?? sampleBlocks[name] ?? []
  return path === undefined ? undefined : { around, path: `${around}/${path}`, text: text! }
}

/** All that may stand in each context, once as a directive and once as a block. */
function* visits(ports: readonly number[]): Generator<readonly [string, Visit | undefined]> {
  const table = new ModuleTable([...engineModules, controlBus])
  for (const [context, entry] of table.entries()) {
    const { name, row, block } = entry
    if (context === 'main' && name in exceptions) continue
    const around = pathOf(context, ports)
    if (row !== undefined) yield [`${context} ${name}`, visitOf(context, entry, around)]
    if (block !== undefined) yield [`${context} ${name} {}`, blockVisitOf(context, entry, around)]
  }
}

test('every directive is set live, read back, and rolled back', { timeout: 900_000 }, async (t) => {
  const ports = await freePorts(3)
  const [port, streamPort, free] = ports as [number, number, number]
  const { http, stream } = configuration(port, streamPort)
  const control = await startControl(t, {
    stream,
    blocks: http,
    workers: 1,
    files: { 'conf/kv.conf': '' },
  })
  const words: Readonly<Record<string, string>> = {
    ...writeFiles(control),
    listen: `${host}:${port}`,
    streamListen: `${host}:${streamPort}`,
    free: `${host}:${free}`,
  }
  const fill = (text: string): string =>
    text.replaceAll(/\{(\w+)\}/g, (_, word: string) => words[word]!)
  const walk = new Walk(t, control)
  await walk.begin()
  const faults: string[] = []
  let visited = 0
  for (const [what, visit] of visits(ports)) {
    const fault =
      visit === undefined
        ? 'there is no sample'
        : await walk.visit({ ...visit, path: fill(visit.path), text: fill(visit.text) })
    if (fault !== undefined) faults.push(`${what}: ${fault}`)
    visited += 1
  }
  t.diagnostic(`${visited} directives and blocks, each in its contexts`)
  assert.deepEqual(faults, [])
  assert.ok(visited > 1_100)
  assert.ok(Object.keys(exceptions).length <= 14, 'only what cannot be otherwise is left out')
})

function writeFiles({ prefix }: Control): Readonly<Record<string, string>> {
  const tls = certificateFor('walk.test', 'ecdsa')
  const other = certificateFor('walk.test', 'rsa')
  const write = (name: string, content: string): string => {
    prefix.write(`walk/${name}`, content)
    return prefix.file(`walk/${name}`)
  }
  const group = ['genpkey', '-genparam', '-algorithm', 'DH', '-pkeyopt', 'group:ffdhe2048']
  return {
    cert: tls.certFile,
    key: tls.keyFile,
    otherCert: other.certFile,
    otherKey: other.keyFile,
    ca: certificateAuthority().certFile,
    crl: revocationListOf([other]).file,
    file: write('file', 'word\n'),
    dh: write('dh.pem', execFileSync('openssl', group, { encoding: 'utf8', stdio: 'pipe' })),
    ticket: write('ticket', 'k'.repeat(80)),
    state: write('state', 'server 127.0.0.1:4;\n'),
    toml: write('otel.toml', 'processor = "batch"\n'),
    handler: write('handler.ts', "export default () => new Response('walked')\n"),
  }
}

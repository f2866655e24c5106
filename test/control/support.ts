/**
 * An engine with broker and control, and the dynamic API as its users see it.
 *
 * ```text
 *   map $remote_addr $mesh_server_name { default s-$remote_addr; }
 *
 *   client from 127.0.1.7 ──▶ 127.0.0.1:port ──▶ the virtual server "s-127.0.1.7", if there is one
 * ```
 *
 * So a test reaches each name without redirected ports: it only has to choose where it comes from.
 */
import assert from 'node:assert/strict'
import { crc32 } from 'node:zlib'
import { type HttpAnswer, rawHttp } from '../support/http.ts'
import { freePort } from '../support/ports.ts'
import { isAlive } from '../support/process-tree.ts'
import { connectTcp } from '../support/tcp.ts'
import type { Owner } from '../support/scope.ts'
import { makeTempPrefix, type Files, type TempPrefix } from '../support/temp-prefix.ts'
import { startTrijet, type Trijet, type TrijetOptions } from '../support/trijet.ts'
import { openUdp } from '../support/udp.ts'
import { until } from '../support/wait.ts'

export const host = '127.0.0.1'

export interface Reply {
  readonly status: number
  readonly type: string | undefined
  readonly text: string
}

/** What every change is answered with that every worker has applied. */
export const success: Reply = {
  status: 200,
  type: 'application/json',
  text: '{"code":0,"msg":"success."}',
}

/** What the engine refuses. */
export function refused(code: number, msg: string): Reply {
  return { ...success, text: JSON.stringify({ code, msg }) }
}

/** What is wrong with a request itself. */
export function bad(msg: string): Reply {
  return { status: 400, type: 'text/plain', text: JSON.stringify({ code: 4, msg }) }
}

export interface ServerFields {
  readonly addr_port: string
  readonly server_name: string
  readonly listen_option?: string
  readonly server_body?: string
}

export interface LocationFields {
  readonly location_rule?: string
  readonly location_name: string
  readonly location_body?: string
  readonly proxy_pass?: string
  readonly locations?: readonly LocationFields[]
}

/** The server that locations are put into. */
export interface ServerPlace {
  readonly addr_port: string
  readonly server_name: string
}

/** Topic of a pair, over the bytes as they are given. */
export function topicOf({ addr_port, server_name }: ServerFields): string {
  return `/ins/stream_srv/s_${crc32(addr_port + server_name)}`
}

export class Control {
  readonly engine: Trijet
  readonly port: number

  constructor(engine: Trijet, port: number) {
    this.engine = engine
    this.port = port
  }

  get prefix(): TempPrefix {
    return this.engine.prefix
  }

  /** One request; a body that is no text is sent as JSON. */
  async ask(owner: Owner, method: string, path: string, body?: unknown): Promise<Reply> {
    const content = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body)
    const fields = [
      `${method} ${path} HTTP/1.1`,
      `Host: ${host}:${this.port}`,
      `Content-Length: ${Buffer.byteLength(content)}`,
      'Connection: close',
    ]
    const bytes = `${fields.join('\r\n')}\r\n\r\n${content}`
    const answer = await rawHttp(owner, { host, port: this.port }, bytes)
    const { status, body: answered } = answer
    return { status, type: answer.header('content-type'), text: answered.toString() }
  }

  add(owner: Owner, server: ServerFields, query = ''): Promise<Reply> {
    return this.ask(owner, 'POST', `/api/v1/stream_srv${query}`, { type: 'add', ...server })
  }

  del(owner: Owner, server: ServerFields, query = ''): Promise<Reply> {
    const { addr_port, server_name } = server
    const body = { type: 'del', addr_port, server_name }
    return this.ask(owner, 'PUT', `/api/v1/stream_srv${query}`, body)
  }

  addHttp(owner: Owner, server: ServerFields, query = ''): Promise<Reply> {
    return this.ask(owner, 'POST', `/api/v1/dyn_srv${query}`, { type: 'add', ...server })
  }

  delHttp(owner: Owner, { addr_port, server_name }: ServerPlace, query = ''): Promise<Reply> {
    const body = { type: 'del', addr_port, server_name }
    return this.ask(owner, 'PUT', `/api/v1/dyn_srv${query}`, body)
  }

  async httpServers(owner: Owner): Promise<readonly ServerFields[]> {
    const { servers } = await this.get<{ servers: ServerFields[] }>(owner, '/api/v1/dyn_srv')
    return servers
  }

  addLocations(
    owner: Owner,
    place: ServerPlace,
    ...locations: readonly LocationFields[]
  ): Promise<Reply> {
    return this.ask(owner, 'POST', '/api/v1/dyn_loc', { type: 'add', ...place, locations })
  }

  delLocation(
    owner: Owner,
    place: ServerPlace,
    { location_rule, location_name }: LocationFields,
  ): Promise<Reply> {
    const body = { type: 'del', ...place, location_rule, location_name }
    return this.ask(owner, 'PUT', '/api/v1/dyn_loc', body)
  }

  async locations(owner: Owner): Promise<readonly (ServerPlace & LocationFields)[]> {
    type List = { locations: (ServerPlace & LocationFields)[] }
    return (await this.get<List>(owner, '/api/v1/dyn_loc')).locations
  }

  /** A document of the interface. */
  async get<T>(owner: Owner, path: string): Promise<T> {
    const { status, text } = await this.ask(owner, 'GET', path)
    assert.equal(status, 200, text)
    return JSON.parse(text) as T
  }

  async servers(owner: Owner): Promise<readonly ServerFields[]> {
    const { servers } = await this.get<{ servers: ServerFields[] }>(owner, '/api/v1/stream_srv')
    return servers
  }

  async revision(owner: Owner): Promise<number> {
    return (await this.get<{ revision: number }>(owner, '/api/v2/history?limit=1')).revision
  }

  /** Resolves when control answers. */
  async waitForControl(owner: Owner): Promise<void> {
    await until(() => this.ask(owner, 'GET', '/api/v1/stream_srv').then(isFine, no), {
      what: 'control to answer',
      deadlineMs: 60_000,
    })
  }

  /** Kills one process by its title and resolves when it is gone. */
  async kill(title: string): Promise<number> {
    const [victim] = this.engine.children(title)
    assert.ok(victim !== undefined, `${title} is there: ${JSON.stringify(this.engine.processes())}`)
    process.kill(victim.pid, 'SIGKILL')
    await until(() => !isAlive(victim.pid), { what: `the end of ${title}` })
    return victim.pid
  }
}

function isFine({ status }: Reply): boolean {
  return status === 200
}

function no(): false {
  return false
}

export interface ControlOptions {
  /** Content of the stream block; `$port` is not replaced. */
  readonly stream: string
  /** Text before the blocks of the main file. */
  readonly main?: string
  /** More blocks of the main file. */
  readonly blocks?: string
  /** More directives of the http block of control. */
  readonly controlHttp?: string
  /** Content of the control's server, after `listen`. */
  readonly controlServer?: string
  readonly controlListen?: string
  readonly workers?: number
  readonly files?: Files
  readonly prefix?: TempPrefix
  readonly controlPort?: number
  readonly start?: Partial<TrijetOptions>
}

export const byClientAddress = 'map $remote_addr $mesh_server_name { default s-$remote_addr; }'

const locations = 'location /api { dyn_module_api; } location /doc { doc_api; }'

/** What can be changed has a module in the data plane and one in control. */
const dynamicModules = [
  'stream_dyn_server',
  'stream_dyn_upstream',
  'http_dyn_server',
  'http_dyn_upstream',
  'http_location',
] as const

/** The main file of an engine with broker and control. */
export function mainConf({ stream, main, blocks, workers = 1 }: ControlOptions): string {
  return [
    'helper broker modules/njt_helper_broker_module.so conf/mqtt.conf;',
    'helper ctrl modules/njt_helper_ctrl_module.so conf/ctrl.conf;',
    main ?? dynamicModules.map((name) => `load_module modules/njt_${name}_module.so;`).join('\n'),
    `worker_processes ${workers};`,
    'error_log logs/error.log notice;',
    'pid logs/trijet.pid;',
    'events {}',
    blocks ?? '',
    `stream {\n${stream}\n}`,
    '',
  ].join('\n')
}

export function controlConf(options: ControlOptions, port: number): string {
  return [
    'load_module modules/njt_http_sendmsg_module.so;',
    'load_module modules/njt_ctrl_config_api_module.so;',
    'load_module modules/njt_doc_module.so;',
    ...dynamicModules.map((name) => `load_module modules/njt_${name}_api_module.so;`),
    'error_log logs/error_ctrl.log notice;',
    'events {}',
    'http {',
    options.controlHttp ?? '',
    `server { listen ${options.controlListen ?? host}:${port};`,
    options.controlServer ?? locations,
    '} }',
    '',
  ].join('\n')
}

/** Starts the engine and waits until control answers. */
export async function startControl(owner: Owner, options: ControlOptions): Promise<Control> {
  const port = options.controlPort ?? (await freePort())
  const prefix = options.prefix ?? makeTempPrefix(owner)
  prefix.write('conf/ctrl.conf', controlConf(options, port))
  const engine = await startTrijet(owner, {
    conf: mainConf(options),
    prefix,
    files: { 'conf/mqtt.conf': '', ...options.files },
    ...options.start,
  })
  const control = new Control(engine, port)
  if (options.start?.under === undefined) await control.waitForControl(owner)
  return control
}

/** What a client from that address is told by TCP, which says nothing itself. */
export async function textFor(
  owner: Owner,
  port: number,
  localAddress: string = host,
): Promise<string> {
  const client = await connectTcp(owner, { host, port, localAddress })
  try {
    return (await client.readAll()).toString()
  } finally {
    client.close()
  }
}

/** What a client is answered to a path. */
export function pageFor(
  owner: Owner,
  port: number,
  path: string,
  name: string = host,
): Promise<HttpAnswer> {
  const bytes = `GET ${path} HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`
  return rawHttp(owner, { host, port }, bytes)
}

/** The same by UDP. */
export async function datagramFor(
  owner: Owner,
  port: number,
  localAddress: string = host,
): Promise<string> {
  const client = await openUdp(owner, { host, port }, { localAddress })
  try {
    await client.send('?')
    return (await client.receive()).bytes.toString()
  } finally {
    client.close()
  }
}

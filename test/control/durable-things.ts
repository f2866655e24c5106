/**
 * What is changed while processes die: one thing of each kind of change, with the ways to change it, to read
 * it in control's lists, and to see it in a worker.
 *
 * ```text
 *   value   "w12"   ──change──▶  control  ──lists──▶ "w12"
 *                                   └─ workers ─page─▶ "w12"
 * ```
 */
import assert from 'node:assert/strict'
import { type Certificate, certificateFor } from '../support/certificates.ts'
import type { Owner } from '../support/scope.ts'
import {
  byClientAddress,
  type Control,
  type ControlOptions,
  host,
  type LocationFields,
  type Reply,
  type ServerFields,
  type ServerPlace,
} from './support.ts'

/** `undefined` where there is none. */
export type Value = string | undefined

export interface Ports {
  readonly stream: number
  readonly http: number
  readonly secure: number
  readonly back: number
}

/** Documents of control that tell the values. */
export interface Lists {
  readonly stream: readonly ServerFields[]
  readonly http: readonly ServerFields[]
  readonly locations: readonly (ServerPlace & LocationFields)[]
  readonly groups: readonly { readonly upstream_name: string; readonly upstream_body: string }[]
  readonly certificates: readonly { readonly certificate: string }[]
  readonly members: readonly Member[]
  readonly word: string
  readonly headers: HeaderDump
  /** The directive that is patched. */
  readonly patched: string
  readonly growth: string
  readonly keyValue: Value
}

interface Member {
  readonly id: number
  readonly server: string
  readonly weight: number
}

interface HeaderDump {
  readonly servers: readonly {
    readonly locations?: readonly {
      readonly location: string
      readonly headers: readonly { readonly key: string; readonly value: string }[]
    }[]
  }[]
}

/** What a worker answers when it is asked in one way. */
export interface Page {
  readonly path: string
  readonly host: string
}

/** `open` where it is not known whether a change was made. */
export type Outcome = 'done' | 'refused' | 'open'

export interface Thing {
  readonly name: string
  readonly first: Value
  /** The value to change to; `word` is a new one. */
  next(before: Value, word: string): Value
  change(control: Control, owner: Owner, value: Value): Promise<Reply>
  /** What the answer to a change says, where it is none of the usual ones. */
  outcome?(reply: Reply): Outcome
  listed(lists: Lists): Value
  /** Where workers show it by HTTP, and what they show then. */
  readonly page?: Page
  text?(value: Value): string
  /** Where clients of the stream server come from that see it. */
  readonly address?: string
}

/** Comes, and goes, and comes as another. */
function comesAndGoes(before: Value, word: string): Value {
  return before === undefined ? word : undefined
}

export const own: Certificate = certificateFor('secure.test')
export const added: Certificate = certificateFor(['secure.test', 'added.test'])

/** Every kind of change; more of those of which many can be under way. */
export function thingsOf(ports: Ports): readonly Thing[] {
  return [
    ...['127.0.1.1', '127.0.1.2', '127.0.1.3'].map((address) => streamServer(ports, address)),
    ...['/p1', '/p2'].map((path) => location(ports, path)),
    ...['one.test', 'two.test'].map((name) => httpServer(ports, name)),
    ...['g1', 'g2'].map((name) => group(ports, name)),
    certificate(ports),
    member(ports),
    header(ports),
    patched(ports),
    mapped,
    growth,
    keyValue,
  ]
}

export function optionsOf(ports: Ports): Pick<ControlOptions, 'blocks' | 'stream'> {
  return {
    blocks: `http {
      add_header X-Worker $pid always;
      dyn_kv_conf conf/kv.conf;
      server {
        listen ${host}:${ports.http};
        server_name pages;
        location / { return 200 "default"; }
        location /group/ { proxy_pass http://$arg_name/; proxy_hide_header X-Worker; }
        location /kv { return 200 "$kv_http_colour"; }
        location /marked { return 200 ""; }
        location /patched { return 200 "none"; }
      }
      upstream fixed { zone fixed 64k; server ${host}:${ports.back}; }
      server { listen ${host}:${ports.back}; return 200 "backend"; }
      server {
        listen ${host}:${ports.secure} ssl;
        server_name secure.test;
        ssl_certificate ${own.certFile};
        ssl_certificate_key ${own.keyFile};
        return 200 "secure";
      }
    }`,
    stream: `
      ${byClientAddress}
      map $remote_addr $word { default w0; }
      server { listen ${host}:${ports.stream}; return "$pid default $word"; }`,
  }
}

export async function readLists(control: Control, owner: Owner, ports: Ports): Promise<Lists> {
  type Maps = { readonly maps: readonly { readonly values: readonly { valueTo: string }[] }[] }
  type Groups = { readonly upstreams: Lists['groups'] }
  type Certificates = { readonly servers: readonly { certificates: Lists['certificates'] }[] }
  const { maps } = await control.get<Maps>(owner, '/api/v1/config/stream_dyn_map')
  const { upstreams } = await control.get<Groups>(owner, '/api/v1/dyn_ups')
  const { servers } = await control.get<Certificates>(owner, '/api/v1/ssl')
  const colour = await control.ask(owner, 'GET', '/api/v1/kv?key=colour')
  return {
    stream: await control.servers(owner),
    http: await control.httpServers(owner),
    locations: await control.locations(owner),
    groups: upstreams,
    certificates: servers[0]!.certificates,
    members: await control.get(owner, `${members}/`),
    headers: await control.get(owner, '/api/v1/config/http_dyn_header'),
    patched: (await control.ask(owner, 'GET', `/api/v2/config?path=${pathOfPatch(ports)}`)).text,
    growth: (await control.ask(owner, 'GET', '/api/v1/shm/get/static/fixed')).text,
    word: maps[1]!.values[0]!.valueTo,
    keyValue: colour.status === 404 ? undefined : colour.text,
  }
}

/** The bodies of all instructions that the lists tell of, as they were sent. */
export function bodiesOf(lists: Lists): readonly string[] {
  const { locations, stream, http, groups } = lists
  return [
    ...[...stream, ...http, ...groups].map((fields) => JSON.stringify({ type: 'add', ...fields })),
    ...locations.map(({ addr_port, server_name, ...fields }) =>
      JSON.stringify({ type: 'add', addr_port, server_name, locations: [fields] }),
    ),
  ]
}

function wordIn(text: string | undefined): Value {
  return text?.match(/\bw(?:eight=)?(\d+)/)?.[1]?.replace(/^/, 'w')
}

function streamServer({ stream }: Ports, address: string): Thing {
  const server = { addr_port: `${host}:${stream}`, server_name: `s-${address}` }
  return {
    name: `stream server ${address}`,
    first: undefined,
    next: comesAndGoes,
    change: (control, owner, value) =>
      value === undefined
        ? control.del(owner, server)
        : control.add(owner, { ...server, server_body: `return "$pid ${value} $word";` }),
    listed: (lists) =>
      wordIn(
        lists.stream.find(({ server_name }) => server_name === server.server_name)?.server_body,
      ),
    address,
  }
}

function location({ http }: Ports, path: string): Thing {
  const place = { addr_port: `${host}:${http}`, server_name: 'pages' }
  return {
    name: `location ${path}`,
    first: undefined,
    next: comesAndGoes,
    change: (control, owner, value) => {
      const location_name = path
      if (value === undefined) return control.delLocation(owner, place, { location_name })
      const location_body = `return 200 "${value}";`
      return control.addLocations(owner, place, { location_name, location_body })
    },
    listed: ({ locations }) =>
      wordIn(locations.find(({ location_name }) => location_name === path)?.location_body),
    page: { path: `${path}/x`, host: 'pages' },
    text: (value) => value ?? 'default',
  }
}

function httpServer({ http }: Ports, name: string): Thing {
  const server = { addr_port: `${host}:${http}`, server_name: name }
  return {
    name: `HTTP server ${name}`,
    first: undefined,
    next: comesAndGoes,
    change: (control, owner, value) =>
      value === undefined
        ? control.delHttp(owner, server)
        : control.addHttp(owner, { ...server, server_body: `return 200 "${value}";` }),
    listed: (lists) =>
      wordIn(lists.http.find(({ server_name }) => server_name === name)?.server_body),
    page: { path: '/', host: name },
    text: (value) => value ?? 'default',
  }
}

/** Its weight is the word; whoever refers to a group that is not there gets an error. */
function group({ back }: Ports, name: string): Thing {
  const body = (value: string): string =>
    `zone ${name} 64k; server ${host}:${back} weight=${value.slice(1)};`
  return {
    name: `group ${name}`,
    first: undefined,
    next: comesAndGoes,
    change: (control, owner, value) =>
      value === undefined
        ? control.ask(owner, 'PUT', '/api/v1/dyn_ups', { type: 'del', upstream_name: name })
        : control.ask(owner, 'POST', '/api/v1/dyn_ups', {
            type: 'add',
            upstream_name: name,
            upstream_body: body(value),
          }),
    listed: ({ groups }) =>
      wordIn(groups.find(({ upstream_name }) => upstream_name === name)?.upstream_body),
    page: { path: `/group/?name=${name}`, host: 'pages' },
    text: (value) => (value === undefined ? '502' : 'backend'),
  }
}

function certificate({ secure }: Ports): Thing {
  const pair = { certificate: added.certFile, certificateKey: added.keyFile }
  const server = { listens: [`${host}:${secure}`], serverNames: ['secure.test'] }
  return {
    name: 'certificate',
    first: undefined,
    next: (before) => (before === undefined ? 'added' : undefined),
    change: (control, owner, value) =>
      control.ask(owner, 'PUT', '/api/v1/ssl', {
        type: value === undefined ? 'del' : 'add',
        ...server,
        cert_info: pair,
      }),
    listed: ({ certificates }) =>
      certificates.some((known) => known.certificate === added.certFile) ? 'added' : undefined,
  }
}

const mapped: Thing = {
  name: 'map',
  first: 'w0',
  next: (_before, next) => next,
  change: (control, owner, value) => {
    const values = [{ valueFrom: 'default', valueTo: value }]
    const map = { keyFrom: '$remote_addr', keyTo: '$word', values }
    return control.ask(owner, 'PUT', '/api/v1/config/stream_dyn_map', { maps: [map] })
  },
  listed: (lists) => lists.word,
}

const members = '/api/v1/upstream_api/http/upstreams/fixed/servers'

/** A server of a group of the files. */
function member({ stream }: Ports): Thing {
  const server = `${host}:${stream}`
  return {
    name: 'member',
    first: undefined,
    next: comesAndGoes,
    change: async (control, owner, value) => {
      if (value !== undefined) {
        const weight = Number(value.slice(1))
        return control.ask(owner, 'POST', `${members}/`, { server, weight, down: true })
      }
      const all = await control.get<Lists['members']>(owner, `${members}/`)
      const { id } = all.find((known) => known.server === server)!
      return control.ask(owner, 'DELETE', `${members}/${id}`)
    },
    outcome: ({ status, text }) => {
      if (status === 200 || status === 201) return 'done'
      assert.equal(status, 400, text)
      return 'refused'
    },
    listed: (lists) => {
      const found = lists.members.find((known) => known.server === server)
      return found && `w${found.weight}`
    },
  }
}

/** A field of responses, by a declaration. */
function header({ http }: Ports): Thing {
  const server = { listens: [`${host}:${http}`], serverNames: ['pages'] }
  return {
    name: 'header',
    first: undefined,
    next: (_before, word) => word,
    change: (control, owner, value) => {
      const headers = [
        { key: 'X-Worker', value: '$pid', always: 1 },
        { key: 'X-Word', value },
      ]
      const locations = [{ location: '/marked', headers }]
      const servers = [{ ...server, locations }]
      return control.ask(owner, 'PUT', '/api/v1/config/http_dyn_header', { servers })
    },
    listed: ({ headers }) =>
      headers.servers
        .flatMap(({ locations = [] }) => locations)
        .find(({ location: path }) => path === '/marked')
        ?.headers.find(({ key }) => key === 'X-Word')?.value,
    page: { path: '/marked', host: 'pages' },
    text: (value) => value ?? '',
  }
}

function pathOfPatch({ http }: Ports): string {
  const place = `/http/server[${host}:${http} pages]/location[/patched]/return`
  return encodeURIComponent(place)
}

/** Any directive, by the door that is for all of them. */
function patched(ports: Ports): Thing {
  return {
    name: 'patch',
    first: undefined,
    next: (_before, next) => next,
    change: (control, owner, value) => {
      const path = decodeURIComponent(pathOfPatch(ports))
      const operation = { op: 'replace', path, value: `return 200 "${value}";` }
      return control.ask(owner, 'PATCH', '/api/v2/config', [operation])
    },
    outcome: ({ status, text }) => {
      if (status === 200) return JSON.parse(text).revision === undefined ? 'refused' : 'done'
      assert.ok(status >= 400, text)
      return 'refused'
    },
    listed: (lists) => wordIn(lists.patched),
    page: { path: '/patched', host: 'pages' },
    text: (value) => value ?? 'none',
  }
}

/** A zone that may grow, or may not. */
const growth: Thing = {
  name: 'growth of a zone',
  first: undefined,
  next: (before) => (before === undefined ? 'set' : undefined),
  change: (control, owner, value) =>
    control.ask(owner, 'PUT', `/api/v1/shm/${value ?? 'unset'}/static/fixed`),
  listed: (lists) => (/ is set"/.test(lists.growth) ? 'set' : undefined),
}

/** Not a part of the configuration, and kept as well. */
const keyValue: Thing = {
  name: 'key value',
  first: undefined,
  next: (before, next) => comesAndGoes(before, next),
  change: (control, owner, value) =>
    value === undefined
      ? control.ask(owner, 'DELETE', '/api/v1/kv?key=colour')
      : control.ask(owner, 'POST', '/api/v1/kv', { key: 'colour', value }),
  outcome: ({ status }) => (status === 200 ? 'done' : 'refused'),
  listed: (lists) => lists.keyValue,
}

/** What an answer of the control interface says, as most of its parts put it. */
export function outcomeOf(thing: Thing, reply: Reply): Outcome {
  const { status, text } = reply
  if (status >= 500) return 'open'
  if (thing.outcome !== undefined) return thing.outcome(reply)
  assert.equal(status, 200, text)
  const { code } = JSON.parse(text) as { readonly code: number }
  if (code === 0) return 'done'
  assert.equal(code, 4, text)
  return 'refused'
}

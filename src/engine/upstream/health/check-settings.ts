/**
 * The parameters of `health_check`: which types of checks have them, and how their values are read.
 */
import { parseFlag, parseNumber, parseTimeMs } from '../../conf/units.ts'
import { dependOnFile } from '../../core/file-dependencies.ts'
import type { ValueEnv } from '../../core/module.ts'
import type { TlsProtocol } from '../../net/tls/tls-protocols.ts'
import { compileExpected, type Dialogue, decodeBytes } from './dialogue.ts'
import {
  bodyRule,
  headerRule,
  type ResponseRule,
  splitBodyRule,
  splitHeaderRule,
  statusRule,
} from './match-rules.ts'
import type { ProbeSchedule, ProbeType } from './probe.ts'
import type { ProbeTlsConf } from './probe-tls.ts'

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] }

/** One directive as it is written. */
export interface CheckParameters extends ProbeSchedule {
  readonly mandatory: boolean
  readonly persistent: boolean
  /** False where there are those two words and nothing else. */
  readonly isCheck: boolean
  /** Name of a `match` block. */
  readonly match: string | undefined
  readonly uri: string
  readonly host: string | undefined
  readonly rules: readonly ResponseRule[]
  /** A rule says which status is good. */
  readonly judgesStatus: boolean
  readonly onlyPort: boolean
  readonly keepaliveMs: number
  readonly grpcService: string
  readonly grpcStatus: number | undefined
  readonly dialogue: Dialogue
  readonly sql: SqlParameters
  readonly ssl: boolean
  readonly tls: Omit<ProbeTlsConf, 'name'> & { readonly name: string | undefined }
}

export interface SqlParameters {
  readonly select: string | undefined
  /** TLS where the server offers it. */
  readonly useSsl: boolean
  readonly user: string
  readonly password: string
  readonly db: string
}

export type Settings = Omit<Mutable<CheckParameters>, 'dialogue' | 'sql' | 'tls' | 'rules'> & {
  readonly dialogue: Mutable<Dialogue>
  readonly sql: Mutable<SqlParameters>
  readonly tls: Mutable<CheckParameters['tls']>
  readonly rules: ResponseRule[]
}

/** Takes one value in; false when it is none. */
type Reader = (settings: Settings, value: string, env: ValueEnv) => boolean

export interface Parameter {
  /** Types of checks that have it; all where it is left out. */
  readonly types?: readonly ProbeType[]
  /** Admins alone are shown its value. */
  readonly isSecret?: boolean
  readonly read: Reader
}

const http: readonly ProbeType[] = ['http']
const grpc: readonly ProbeType[] = ['grpc']
const named: readonly ProbeType[] = ['http', 'grpc']
const dialogues: readonly ProbeType[] = ['tcp', 'udp']
const mysql: readonly ProbeType[] = ['mysql']
const secured: readonly ProbeType[] = ['http', 'grpc', 'tcp']
const matched: readonly ProbeType[] = ['http', 'tcp', 'udp']

const portMax = 65_535
const grpcStatusMax = 16
const protocolNames: readonly TlsProtocol[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']

export const parameters: Readonly<Record<string, Parameter>> = {
  interval: { read: time((settings, ms) => (settings.intervalMs = ms), 1) },
  jitter: { read: time((settings, ms) => (settings.jitterMs = ms)) },
  timeout: { read: time((settings, ms) => (settings.timeoutMs = ms), 1) },
  passes: { read: number((settings, value) => (settings.passes = value), 1) },
  fails: { read: number((settings, value) => (settings.fails = value), 1) },
  port: { read: number((settings, value) => (settings.port = value), 1, portMax) },
  visit_interval: { read: time((settings, ms) => (settings.visitIntervalMs = ms)) },
  match: { types: matched, read: word((settings, value) => (settings.match = value)) },
  uri: { types: http, read: readUri },
  host: { types: named, read: readHost },
  status: { types: http, read: readStatus },
  header: { types: http, read: rule((value) => headerRule(splitHeaderRule(value))) },
  body: { types: http, read: rule((value) => bodyRule(splitBodyRule(value))) },
  only_check_port: { types: http, read: flag((settings, on) => (settings.onlyPort = on)) },
  keepalive_time: { types: http, read: time((settings, ms) => (settings.keepaliveMs = ms)) },
  grpc_service: { types: grpc, read: word((settings, value) => (settings.grpcService = value)) },
  grpc_status: {
    types: grpc,
    read: number((settings, value) => (settings.grpcStatus = value), 0, grpcStatusMax),
  },
  send: {
    types: dialogues,
    read: word((settings, value) => (settings.dialogue.send = decodeBytes(value))),
  },
  expect: {
    types: dialogues,
    read: word((settings, value) => (settings.dialogue.expect = compileExpected([value]))),
  },
  select: { types: mysql, read: word((settings, value) => (settings.sql.select = value)) },
  use_ssl: { types: mysql, read: flag((settings, on) => (settings.sql.useSsl = on)) },
  user: { types: mysql, read: word((settings, value) => (settings.sql.user = value)) },
  password: {
    types: mysql,
    isSecret: true,
    read: text((settings, value) => (settings.sql.password = value)),
  },
  db: { types: mysql, read: word((settings, value) => (settings.sql.db = value)) },
  ssl: { types: secured, read: flag((settings, on) => (settings.ssl = on)) },
  ssl_name: { types: secured, read: word((settings, value) => (settings.tls.name = value)) },
  ssl_server_name: { types: secured, read: flag((settings, on) => (settings.tls.serverName = on)) },
  ssl_session_reuse: {
    types: secured,
    read: flag((settings, on) => (settings.tls.sessionReuse = on)),
  },
  ssl_protocols: { types: secured, read: readProtocols },
  ssl_ciphers: { types: secured, read: word((settings, value) => (settings.tls.ciphers = value)) },
  ssl_verify: { types: secured, read: flag((settings, on) => (settings.tls.verify = on)) },
  ssl_verify_depth: {
    types: secured,
    read: number((settings, value) => (settings.tls.verifyDepth = value), 0),
  },
  ssl_trusted_certificate: {
    types: secured,
    read: file((settings, path) => (settings.tls.trustedCertificate = path)),
  },
  ssl_crl: { types: secured, read: file((settings, path) => (settings.tls.crl = path)) },
  ssl_certificate: {
    types: secured,
    read: file((settings, path) => (settings.tls.certificate = path)),
  },
  ssl_certificate_key: {
    types: secured,
    read: file((settings, path) => (settings.tls.certificateKey = path)),
  },
}

/** Names of parameters whose values admins alone are shown. */
export const secretParameters: readonly string[] = Object.entries(parameters)
  .filter(([, { isSecret }]) => isSecret === true)
  .map(([name]) => name)

function time(take: (settings: Settings, ms: number) => unknown, min = 0): Reader {
  return (settings, value) => {
    const ms = parseTimeMs(value)
    if (ms === undefined || ms < min) return false
    take(settings, ms)
    return true
  }
}

function number(
  take: (settings: Settings, value: number) => unknown,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): Reader {
  return (settings, value) => {
    const found = parseNumber(value)
    if (found === undefined || found < min || found > max) return false
    take(settings, found)
    return true
  }
}

function flag(take: (settings: Settings, on: boolean) => unknown): Reader {
  return (settings, value) => {
    const on = parseFlag(value)
    if (on === undefined) return false
    take(settings, on)
    return true
  }
}

function text(take: (settings: Settings, value: string) => unknown): Reader {
  return (settings, value) => {
    take(settings, value)
    return true
  }
}

/** A text that is not empty. */
function word(take: (settings: Settings, value: string) => unknown): Reader {
  return (settings, value) => {
    if (value === '') return false
    take(settings, value)
    return true
  }
}

function rule(toRule: (value: string) => ResponseRule): Reader {
  return (settings, value) => {
    settings.rules.push(toRule(value))
    return true
  }
}

function file(take: (settings: Settings, path: string) => unknown): Reader {
  return (settings, value, env) => {
    if (value === '') return false
    if (value.startsWith('data:')) take(settings, value)
    else {
      const path = env.confPath(value)
      dependOnFile(env.node, path)
      take(settings, path)
    }
    return true
  }
}

/** What Node's client would refuse to send must not get so far. */
function readUri(settings: Settings, value: string): boolean {
  settings.uri = value
  return /^\/[!-~]*$/.test(value)
}

function readHost(settings: Settings, value: string): boolean {
  settings.host = value
  return /^[\w.:[\]-]+$/.test(value)
}

function readStatus(settings: Settings, value: string): boolean {
  settings.rules.push(statusRule(value.trim().split(/\s+/)))
  settings.judgesStatus = true
  return true
}

function readProtocols(settings: Settings, value: string): boolean {
  const found = value.trim().split(/\s+/)
  settings.tls.protocols = protocolNames.filter((name) => found.includes(name))
  return found.length === settings.tls.protocols.length
}

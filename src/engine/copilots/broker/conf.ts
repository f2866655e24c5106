/**
 * `mqtt.conf`: the broker's file, in mosquitto's grammar. Every key may be left out, and the file be empty.
 */
import { isAbsolute, join } from 'node:path'
import { statSync } from 'node:fs'
import { isIP } from 'node:net'
import {
  booleanKey,
  integerKey,
  listKey,
  notEmpty,
  parseLines,
  textKey,
  type LineKey,
  type LineKeys,
} from '../../bus/line-conf.ts'
import { ConfError } from '../../conf/diagnostics.ts'
import type { LogTarget } from '../../core/log.ts'

/** Where the broker listens: a socket file, or a port on one address or on all. */
export type ListenerAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly port: number; readonly host: string | undefined }

/** mosquitto's names. A type that is not listed is not logged, whatever its weight. */
export const logTypes = ['error', 'warning', 'notice', 'information', 'debug'] as const
export type LogType = (typeof logTypes)[number]

export interface BrokerConf {
  readonly logTargets: readonly LogTarget[]
  readonly logTypes: ReadonlySet<LogType>
  readonly listeners: readonly ListenerAddress[]
  readonly allowAnonymous: boolean
  readonly passwordFile: string | undefined
  /** The file that everything is kept in; undefined when nothing is kept. */
  readonly database: string | undefined
}

interface Keys {
  log_dest: readonly string[]
  log_type: readonly string[]
  listener: readonly string[]
  allow_anonymous: boolean
  password_file: string | undefined
  persistence: boolean
  /** Every change is saved at once, before it is acknowledged; these two are accepted and change nothing. */
  autosave_on_changes: boolean
  autosave_interval: number
  persistence_location: string | undefined
}

const keys = {
  log_dest: checkedList(checkLogDest),
  log_type: checkedList(checkLogType),
  listener: checkedList(checkListener),
  allow_anonymous: booleanKey(true),
  password_file: textKey(undefined),
  persistence: booleanKey(true),
  autosave_on_changes: booleanKey(true),
  autosave_interval: integerKey(1, { min: 0, max: 2_147_483_647 }),
  persistence_location: textKey(undefined),
} satisfies LineKeys<Keys>

/** Relative paths are taken from the prefix. */
export function parseBrokerConf(text: string, file: string, prefix: string): BrokerConf {
  const conf: Keys = parseLines<Keys>(text, file, keys)
  if (!conf.allow_anonymous && conf.password_file === undefined) {
    throw new ConfError(`"allow_anonymous false" needs a "password_file" in ${file}`)
  }
  const under = (path: string): string => (isAbsolute(path) ? path : join(prefix, path))
  const listeners = orDefault(conf.listener, '0 data/mosquitto.sock')
  const targets = orDefault(conf.log_dest, 'file logs/mosquitto.log')
  return {
    logTargets: targets.map((line) => toLogTarget(line, under)),
    logTypes: new Set(orDefault(conf.log_type, 'error').flatMap(toLogTypes)),
    listeners: listeners.map((line) => toListener(line, under)),
    allowAnonymous: conf.allow_anonymous,
    passwordFile: conf.password_file && under(conf.password_file),
    database: conf.persistence ? databasePath(conf.persistence_location, under) : undefined,
  }
}

function checkedList(check: (text: string) => void): LineKey<readonly string[]> {
  const list = listKey()
  return {
    ...list,
    parse: (text, soFar) => {
      check(notEmpty(text))
      return list.parse(text, soFar)
    },
  }
}

function checkLogDest(text: string): void {
  if (!/^(file\s+\S.*|stderr|stdout|none)$/.test(text)) {
    throw new ConfError(
      `invalid value "${text}", it must be "file PATH", "stderr", "stdout" or "none"`,
    )
  }
}

function checkLogType(text: string): void {
  const allowed = [...logTypes, 'all', 'none']
  if (!allowed.includes(text)) {
    throw new ConfError(`invalid value "${text}", it must be one of ${allowed.join(', ')}`)
  }
}

/** `listener PORT [ADDRESS]`; port 0 stands before the path of a socket file. */
function checkListener(text: string): void {
  const [port = '', ...rest] = text.split(/\s+/)
  if (!/^\d+$/.test(port) || Number(port) > 65_535) {
    throw new ConfError(`invalid port "${port}"`)
  }
  if (port === '0' && (rest.length === 0 || isIP(rest.join(' ')) !== 0)) {
    throw new ConfError('"listener 0" needs the path of a socket')
  }
  if (port !== '0' && rest.length > 1) throw new ConfError('invalid number of arguments')
}

function toListener(text: string, under: (path: string) => string): ListenerAddress {
  const [, port = '', address] = /^(\d+)(?:\s+(.+))?$/.exec(text) ?? []
  if (port === '0') return { kind: 'unix', path: under(address ?? '') }
  return { kind: 'tcp', port: Number(port), host: address }
}

/** Standard output belongs to the master, so `stdout` goes to standard error. */
function toLogTarget(text: string, under: (path: string) => string): LogTarget {
  if (text === 'none') return { kind: 'off' }
  const path = /^file\s+(.+)$/.exec(text)?.[1]
  return path === undefined ? { kind: 'stderr' } : { kind: 'file', path: under(path) }
}

function toLogTypes(text: string): readonly LogType[] {
  if (text === 'all') return logTypes
  return text === 'none' ? [] : [text as LogType]
}

/** mosquitto's `persistence_location` is a folder; a file is taken too. */
function databasePath(location: string | undefined, under: (path: string) => string): string {
  const path = under(location ?? 'data/mosquitto.db')
  const isFolder = path.endsWith('/') || statSync(path, { throwIfNoEntry: false })?.isDirectory()
  return isFolder === true ? join(path, 'mosquitto.db') : path
}

function orDefault(lines: readonly string[], byDefault: string): readonly string[] {
  return lines.length === 0 ? [byDefault] : lines
}

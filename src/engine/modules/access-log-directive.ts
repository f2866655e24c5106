/**
 * `access_log path [format [buffer=size] [gzip[=level]] [flush=time] [if=condition]] | off`, where the path
 * may be `syslog:server=address[,parameter=value]`.
 */
import { ConfError } from '../conf/diagnostics.ts'
import { parseNumber, parseSize, parseTimeMs } from '../conf/units.ts'
import { constantValue, type ComplexValue } from '../core/complex-value.ts'
import type { ValueEnv } from '../core/module.ts'
import { parseSyslog, type SyslogServer } from '../core/syslog.ts'
import type { AccessLogTarget } from './access-log.ts'
import type { LogFileCache } from './log-file-cache.ts'
import type { LogFormat } from './log-format.ts'

/** A log as the directive says it; its format is looked up when all formats are known. */
export interface AccessLogSetting {
  readonly path: ComplexValue
  /** Where lines go instead of a file. */
  readonly syslog: SyslogServer | undefined
  /** `undefined` where the directive names none. */
  readonly format: string | undefined
  readonly bufferBytes: number
  readonly flushMs: number
  readonly gzipLevel: number
  readonly condition: ComplexValue | undefined
}

const gzipBufferBytes = 64 * 1024
const gzipLevelDefault = 1

/** Parses one directive; an empty list is `off`. */
export function parseAccessLog(
  args: readonly string[],
  env: ValueEnv,
): readonly AccessLogSetting[] {
  const [path = '', format, ...parameters] = args
  if (path === 'off') {
    if (format !== undefined) throw new ConfError(`invalid parameter "${format}"`)
    return []
  }
  const syslog = path.startsWith('syslog:') ? parseSyslog(path) : undefined
  const options = parseParameters(parameters, env)
  if (syslog !== undefined) {
    if (options.bufferBytes > 0) throw new ConfError('logs to syslog cannot be buffered')
    return [{ path: constantValue(path), syslog, format, ...options }]
  }
  const target = parsePath(path, env)
  if (options.flushMs > 0 && options.bufferBytes === 0) {
    throw new ConfError(`no buffer is defined for access_log "${path}"`)
  }
  if (options.bufferBytes > 0 && target.constant === undefined) {
    throw new ConfError('buffered logs cannot have variables in name')
  }
  return [{ path: target, syslog, format, ...options }]
}

/** The logs of a block: all that its directives name, or none when one of them says `off`. */
export function mergeAccessLogs(
  lists: readonly (readonly AccessLogSetting[])[],
): readonly AccessLogSetting[] {
  return lists.some((list) => list.length === 0) ? [] : lists.flat()
}

export interface TargetOptions {
  /** The format where none is named. */
  readonly fallback?: LogFormat
  /** Holds files open whose names have variables. */
  readonly cache?: LogFileCache | undefined
}

/** Finds the format of each log. */
export function toTargets(
  settings: readonly AccessLogSetting[],
  formats: readonly LogFormat[],
  { fallback, cache }: TargetOptions = {},
): readonly AccessLogTarget[] {
  return settings.map(({ format: name, ...rest }) => {
    const format = name === undefined ? fallback : formats.find((known) => known.name === name)
    if (format !== undefined) return { ...rest, format, cache }
    throw new ConfError(
      name === undefined ? 'log format is not specified' : `unknown log format "${name}"`,
    )
  })
}

function parsePath(path: string, env: ValueEnv): ComplexValue {
  const value = env.complex(path)
  if (value.constant !== undefined) return constantValue(env.prefixPath(value.constant))
  return path.startsWith('/') ? value : env.complex(env.prefixPath(path))
}

type Options = Omit<AccessLogSetting, 'path' | 'syslog' | 'format'>

function parseParameters(parameters: readonly string[], env: ValueEnv): Options {
  let bufferBytes = 0
  let flushMs = 0
  let gzipLevel = 0
  let condition: ComplexValue | undefined
  for (const parameter of parameters) {
    const [name, value] = splitParameter(parameter)
    if (name === 'buffer')
      bufferBytes = parseSize(value) || refuse(`invalid buffer size "${value}"`)
    else if (name === 'flush')
      flushMs = parseTimeMs(value) || refuse(`invalid flush time "${value}"`)
    else if (name === 'gzip') {
      gzipLevel = value === '' ? gzipLevelDefault : parseLevel(value)
      if (bufferBytes === 0) bufferBytes = gzipBufferBytes
    } else if (name === 'if') condition = env.complex(value)
    else refuse(`invalid parameter "${parameter}"`)
  }
  return { bufferBytes, flushMs, gzipLevel, condition }
}

function splitParameter(parameter: string): readonly [name: string, value: string] {
  const equals = parameter.indexOf('=')
  if (parameter === 'gzip') return ['gzip', '']
  return equals < 0 ? ['', ''] : [parameter.slice(0, equals), parameter.slice(equals + 1)]
}

function parseLevel(text: string): number {
  const level = parseNumber(text) ?? 0
  return level >= 1 && level <= 9 ? level : refuse(`invalid compression level "${text}"`)
}

function refuse(message: string): never {
  throw new ConfError(message)
}

/** How arguments of `ssl_*` and `proxy_ssl_*` are read. */
import { ConfError } from '../conf/diagnostics.ts'
import { parseNumber, parseSize, parseTimeSeconds } from '../conf/units.ts'
import type { ComplexValue } from '../core/complex-value.ts'
import { dependOnFile } from '../core/file-dependencies.ts'
import type { ValueEnv, ValueType } from '../core/module.ts'
import type { TlsProtocol } from '../net/tls/tls-protocols.ts'
import { flag } from './value-types.ts'

/** A file of PEM; relative paths are taken from the folder of the configuration. */
export const sslFile: ValueType<string> = {
  describe: 'file',
  parse: ([path = ''], env) => {
    if (isInline(path)) return path
    if (env.complex(path).constant === undefined) {
      throw new ConfError(`variables are not supported in "${env.node.name}"`)
    }
    return dependableFile(path, env)
  },
}

/** A file whose name may hang on the client: it is read when a handshake asks for it then. */
export interface CertificateFile {
  /** As it was written. */
  readonly text: string
  /** Absolute path or inline text, without variables. */
  readonly path: string
  /** Present where there are variables. */
  readonly value: ComplexValue | undefined
  /** Makes an absolute path of what `value` comes to. */
  readonly resolve: (path: string) => string
}

export const certificateFiles: ValueType<readonly CertificateFile[]> = {
  describe: 'file, with variables',
  parse: ([path = ''], env) => {
    const resolve = (name: string): string => (isInline(name) ? name : env.confPath(name))
    // The text of a certificate has no variables, whatever is in it.
    const value = isInline(path) && !path.startsWith('data:$') ? undefined : env.complex(path)
    if (value !== undefined && value.constant === undefined)
      return [{ text: path, path, value, resolve }]
    const file = isInline(path) ? path : dependableFile(path, env)
    return [{ text: path, path: file, value: undefined, resolve }]
  },
}

function isInline(path: string): boolean {
  return path === '' || path.startsWith('data:') || path.startsWith('engine:')
}

function dependableFile(path: string, env: ValueEnv): string {
  const file = env.confPath(path)
  dependOnFile(env.node, file)
  return file
}

/** Files that may be named more than once. */
export const sslFiles: ValueType<readonly string[]> = {
  describe: 'file',
  parse: (args, env) => [sslFile.parse(args, env)],
}

const protocolNames = ['SSLv2', 'SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const

/** The two SSL versions are accepted and ignored, as by an OpenSSL without them. */
export const tlsProtocols: ValueType<readonly TlsProtocol[]> = {
  describe: '[TLSv1] [TLSv1.1] [TLSv1.2] [TLSv1.3]',
  parse: (args) =>
    args.flatMap((name) => {
      if (!protocolNames.some((known) => known.toLowerCase() === name.toLowerCase())) {
        throw new ConfError(`invalid value "${name}"`)
      }
      return /^ssl/i.test(name) ? [] : [`TLSv${name.slice(4)}` as TlsProtocol]
    }),
}

export const tlsProtocolsDefault: readonly TlsProtocol[] = ['TLSv1.2', 'TLSv1.3']

/** `ssl_session_cache` as it is written; memory is opened when a context is made. */
export interface SessionCacheConf {
  readonly mode: 'off' | 'none' | 'kept'
  /** Sessions that each worker keeps for itself; 0 where OpenSSL decides, absent without `builtin`. */
  readonly builtin?: number
  readonly shared?: { readonly name: string; readonly bytes: number }
}

export const sessionCache: ValueType<SessionCacheConf> = {
  describe: 'off | none | [builtin[:size]] [shared:name:size]',
  parse: (args) =>
    args.reduce<SessionCacheConf>((conf, argument) => withCache(conf, argument), { mode: 'none' }),
}

/** Eight pages, as nginx asks for. */
const sharedBytesMin = 8 * 4096

function withCache(conf: SessionCacheConf, argument: string): SessionCacheConf {
  if (argument === 'off' || argument === 'none') return { ...conf, mode: argument }
  if (argument === 'builtin') return { ...conf, mode: 'kept', builtin: 0 }
  const builtin = /^builtin:(.+)$/.exec(argument)
  const sessions = builtin === null ? undefined : parseNumber(builtin[1]!)
  if (sessions !== undefined) return { ...conf, mode: 'kept', builtin: sessions }
  const shared = /^shared:([^:]+):(.+)$/.exec(argument)
  const bytes = shared === null ? undefined : parseSize(shared[2]!)
  if (bytes === undefined) throw new ConfError(`invalid session cache "${argument}"`)
  const name = shared![1]!
  if (bytes < sharedBytesMin) throw new ConfError(`session cache "${argument}" is too small`)
  return { ...conf, mode: 'kept', shared: { name, bytes } }
}

/** `ssl_certificate_cache`: contexts of certificates whose names have variables. */
export interface CertificateCacheConf {
  readonly max: number
  readonly inactiveMs: number
  /** How long a file is taken for unchanged. */
  readonly validMs: number
}

export const certificateCache: ValueType<CertificateCacheConf | undefined> = {
  describe: 'off | max=N [inactive=time] [valid=time]',
  parse: (args) => {
    if (args.length === 1 && args[0] === 'off') return undefined
    const conf = { max: 0, inactiveMs: 10_000, validMs: 60_000 }
    for (const argument of args) readCacheParameter(conf, argument)
    if (conf.max === 0) {
      throw new ConfError('"ssl_certificate_cache" must have the "max" parameter')
    }
    return conf
  },
}

function readCacheParameter(
  conf: { max: number; inactiveMs: number; validMs: number },
  argument: string,
): void {
  const [name = '', value = ''] = argument.split('=', 2)
  const number = name === 'max' ? parseNumber(value) : parseTimeSeconds(value)
  if (name === 'max' && number !== undefined && number > 0) conf.max = number
  else if (name === 'inactive' && number !== undefined) conf.inactiveMs = number * 1000
  else if (name === 'valid' && number !== undefined) conf.validMs = number * 1000
  else throw new ConfError(`invalid parameter "${argument}"`)
}

/** `ssl_conf_command name value`. */
export type ConfCommand = readonly [name: string, value: string]

export const confCommands: ValueType<readonly ConfCommand[]> = {
  describe: 'name value',
  parse: ([name = '', value = '']) => [[name, value]],
}

export const ntls: ValueType<boolean> = {
  describe: 'off',
  parse: (args, env) => {
    if (!flag.parse(args, env)) return false
    throw new ConfError(
      '"ssl_ntls on" is not supported: the TLS library of this build has no SM2, SM3 and SM4 suites',
    )
  },
}

/** Longest name in the extension: its length is one byte (RFC 7301 §3.1). */
const protocolBytesMax = 255

export const alpn: ValueType<readonly string[]> = {
  describe: 'protocol ...',
  parse: (args) => {
    for (const name of args) {
      if (name === '' || Buffer.byteLength(name) > protocolBytesMax) {
        throw new ConfError('protocol too long')
      }
    }
    return args
  },
}

/** `valid_referers`: whether a request comes from a page that may link here. */
import { ConfError } from '../../conf/diagnostics.ts'
import type { ValueType } from '../../core/module.ts'
import { compileRegex, type Regex } from '../../core/regex.ts'
import { NameTable, parseServerName, type ServerName } from '../../core/server-names.ts'
import { concat, count } from '../../modules/value-types.ts'
import { nameId } from '../header-names.ts'
import { defineHttpModule, type HttpModule } from '../module.ts'
import type { Request } from '../request.ts'
import type { HttpServer } from '../server.ts'

/** One thing that makes a referer valid. */
type ValidReferer =
  | { readonly kind: 'none' | 'blocked' | 'server_names' }
  | { readonly kind: 'regex'; readonly regex: Regex }
  /** `path`: how what stands behind the host must begin. */
  | { readonly kind: 'host'; readonly names: readonly ServerName[]; readonly path: string }

export interface HttpRefererConf {
  readonly valid_referers: Referers | undefined
  readonly referer_hash_bucket_size: number
  readonly referer_hash_max_size: number
}

const contexts = ['http.server', 'http.location'] as const

const validReferers: ValueType<Referers | undefined> = {
  describe: 'none | blocked | server_names | string ...',
  parse: (args) => new Referers(args.map(parseReferer)),
}

function parseReferer(text: string): ValidReferer {
  if (text === '') throw new ConfError(`invalid referer "${text}"`)
  if (text === 'none' || text === 'blocked' || text === 'server_names') return { kind: text }
  if (text === '~') throw new ConfError(`empty regex in "${text}"`)
  if (text.startsWith('~')) {
    return { kind: 'regex', regex: compileRegex(text.slice(1), { ignoreCase: true }) }
  }
  const slash = text.indexOf('/')
  const host = slash < 0 ? text : text.slice(0, slash)
  return { kind: 'host', names: parseHost(host), path: slash < 0 ? '' : text.slice(slash) }
}

function parseHost(host: string): readonly ServerName[] {
  try {
    return parseServerName(host)
  } catch (error) {
    if (!(error instanceof ConfError)) throw error
    throw new ConfError(`invalid hostname or wildcard "${host}"`)
  }
}

/** All that makes a referer valid, ready to be looked up. */
class Referers {
  readonly all: readonly ValidReferer[]
  readonly none: boolean
  readonly blocked: boolean
  readonly serverNames: boolean
  /** What must stand behind the host; the empty path stands behind every one. */
  readonly #paths: NameTable<string>
  readonly #patterns: readonly Regex[]

  constructor(all: readonly ValidReferer[]) {
    this.all = all
    const has = (kind: ValidReferer['kind']): boolean => all.some((one) => one.kind === kind)
    this.none = has('none')
    this.blocked = has('blocked')
    this.serverNames = has('server_names')
    let paths = NameTable.empty<string>()
    for (const one of all) {
      if (one.kind !== 'host') continue
      for (const name of one.names) paths = paths.add(name, one.path)
    }
    this.#paths = paths
    this.#patterns = all.flatMap((one) => (one.kind === 'regex' ? [one.regex] : []))
  }

  isValid(referer: string | undefined, server: HttpServer): boolean {
    if (referer === undefined) return this.none
    const rest = referer.length < refererCharsMin ? null : /^https?:\/\/(.*)$/is.exec(referer)
    if (rest === null) return this.blocked
    const [, address = ''] = rest
    const hostEnd = address.search(/[/:]|$/)
    if (hostEnd > hostCharsMax) return false
    const host = address.slice(0, hostEnd).toLowerCase()
    const path = this.#paths.find(host)?.server
    if (path !== undefined) return isUnder(address.slice(hostEnd), path)
    if (this.serverNames && namesOf(server).find(host) !== undefined) return true
    return this.#patterns.some((regex) => regex.test(address))
  }
}

/** The shortest that can be one: `http://i.ru`. */
const refererCharsMin = 11
const hostCharsMax = 256

/** `rest` is what stands behind the host: a port, a path, or both. */
function isUnder(rest: string, path: string): boolean {
  const slash = rest.indexOf('/')
  return path === '' || (slash < 0 ? '' : rest.slice(slash)).startsWith(path)
}

const serverNames = new WeakMap<HttpServer, NameTable<true>>()

function namesOf(server: HttpServer): NameTable<true> {
  let table = serverNames.get(server)
  if (table === undefined) {
    table = NameTable.empty<true>()
    for (const name of server.names) table = table.add(name, true)
    serverNames.set(server, table)
  }
  return table
}

const refererId = nameId('referer')

function invalidReferer({ location, head, server }: Request): string | undefined {
  const { valid_referers: valid } = location.scope.conf(httpReferer)
  return valid === undefined || valid.isValid(head.value(refererId), server) ? '' : '1'
}

export const httpReferer: HttpModule<HttpRefererConf> = defineHttpModule<HttpRefererConf>({
  id: 'http.referer',
  directives: {
    valid_referers: {
      contexts,
      args: [1, Infinity],
      syntax: 'valid_referers none | blocked | server_names | string ...',
      value: validReferers,
      default: undefined,
      merge: (parts) => new Referers(concat(parts.map((part) => part?.all ?? []))),
      doc: 'Sets from which pages requests may come; $invalid_referer is "1" for all others.',
    },
    referer_hash_bucket_size: {
      contexts,
      args: [1, 1],
      syntax: 'referer_hash_bucket_size size',
      value: count,
      default: 64,
      doc: 'Accepted: tables size themselves.',
    },
    referer_hash_max_size: {
      contexts,
      args: [1, 1],
      syntax: 'referer_hash_max_size size',
      value: count,
      default: 2048,
      doc: 'Accepted: tables size themselves.',
    },
  },
  variables: {
    invalid_referer: { get: invalidReferer, doc: '"1" when the request comes from elsewhere.' },
  },
})

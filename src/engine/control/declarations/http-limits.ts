/**
 * `/api/v1/config/http_dyn_limit`: rates, connections and requests of locations, and the rates of zones
 * (Annex B `helper_dyn_limit`).
 */
import { findDirective } from '../../conf/block.ts'
import type { Directive } from '../../conf/tree.ts'
import { parseSize } from '../../conf/units.ts'
import type { Declaration } from '../declaration.ts'
import type { Schema } from '../operation.ts'
import type { Fields } from '../shape.ts'
import { type Extra, locationDeclaration } from './located-declaration.ts'
import { boundedField, fail, type Setting, settingEdits, single, textField } from './settings.ts'
import { Surroundings } from './surroundings.ts'

/** Limits of connections and limits of requests are set alike. */
interface Kind {
  readonly name: 'limit_conn' | 'limit_req'
  /** Field of the list, and with `_scope` behind it that of where it stands. */
  readonly list: 'limit_conns' | 'limit_reqs'
  readonly zones: 'limit_conn_zone' | 'limit_req_zone'
  /** As messages call it. */
  readonly title: string
  readonly describe: (node: Directive) => Fields
  readonly toWords: (entry: Fields) => readonly string[]
}

const connectionsBounds: readonly [number, number] = [1, 65_535]
const statusBounds: readonly [number, number] = [400, 599]

const connections: Kind = {
  name: 'limit_conn',
  list: 'limit_conns',
  zones: 'limit_conn_zone',
  title: 'limit conn',
  describe: ({ args: [zone = '', conn = ''] }) => ({ zone, conn: Number(conn) }),
  toWords: (entry) => {
    const conn = boundedField(entry, 'conn', connectionsBounds)
    if (conn === undefined) fail(' conn is not set')
    return ['limit_conn', zoneOf(entry), conn]
  },
}

const requests: Kind = {
  name: 'limit_req',
  list: 'limit_reqs',
  zones: 'limit_req_zone',
  title: 'limit req',
  describe: ({ args }) => ({
    zone: parameter(args, 'zone') ?? '',
    burst: Number(parameter(args, 'burst') ?? 0),
    delay: args.includes('nodelay') ? 'nodelay' : (parameter(args, 'delay') ?? '0'),
  }),
  toWords: (entry) => {
    const { burst = 0 } = entry
    const delay = textField(entry, 'delay') ?? '0'
    if (Number(burst) < 0) fail(` burst ${String(burst)} is invalid`)
    if (delay !== 'nodelay' && !/^\d{1,9}$/.test(delay)) fail(` delay "${delay}" is invalid`)
    return [
      'limit_req',
      `zone=${zoneOf(entry)}`,
      ...(burst === 0 ? [] : [`burst=${String(burst)}`]),
      ...(delay === '0' ? [] : [delay === 'nodelay' ? delay : `delay=${delay}`]),
    ]
  },
}

const kinds = [connections, requests] as const

const choice = (...values: readonly string[]): Schema => ({ type: 'string', enum: values })
const text: Schema = { type: 'string' }
const integer: Schema = { type: 'integer' }

function list(properties: Readonly<Record<string, Schema>>): Schema {
  return { type: 'array', items: { type: 'object', properties, required: ['zone'] } }
}

const zoneRates: Extra = {
  name: 'limit_rps',
  schema: list({ zone: text, rate: { type: 'string', examples: ['10r/s'] } }),
  read: ({ tree }) =>
    zonesIn(tree).map(({ args }) => ({
      zone: zoneName(args),
      rate: parameter(args, 'rate') ?? '',
    })),
  items: (value) =>
    (value as readonly Fields[]).map((entry) => ({
      path: 'limit_rps',
      edits: ({ tree }) => {
        const zones = zonesIn(tree)
        const zone = zoneOf(entry)
        const rate = textField(entry, 'rate') ?? ''
        if (!zones.some(({ args }) => zoneName(args) === zone)) {
          fail(` update rps zone:${zone} is not exist`)
        }
        if (!/^[1-9]\d{0,8}r\/[sm]$/.test(rate)) fail(` update rps zone:${zone}  rate invalid`)
        const directives = zones.map(({ name, args }) => [
          name,
          ...args.map((arg) =>
            zoneName(args) === zone && arg.startsWith('rate=') ? `rate=${rate}` : arg,
          ),
        ])
        return settingEdits([['http']], [{ target: 'limit_req_zone', directives }])
      },
    })),
}

export const httpLimits: Declaration = locationDeclaration({
  key: 'http_dyn_limit',
  fields: {
    limit_rate: { type: 'string', examples: ['100k'] },
    limit_rate_after: { type: 'string', examples: ['1m'] },
    ...kindFields(connections, list({ zone: text, conn: integer })),
    ...kindFields(requests, list({ zone: text, burst: integer, delay: text })),
  },
  read: (at) => ({
    limit_rate: at.argument('limit_rate') ?? '0',
    limit_rate_after: at.argument('limit_rate_after') ?? '0',
    ...describeKind(connections, at),
    ...describeKind(requests, at),
  }),
  write: (fields, at) => [
    ...['limit_rate', 'limit_rate_after'].flatMap((name) => rateSetting(fields, name)),
    ...kinds.flatMap((kind) => kindSettings(kind, fields, at)),
  ],
  extras: [zoneRates],
})

function kindFields({ name, list: field }: Kind, entries: Schema): Record<string, Schema> {
  return {
    [`${field}_scope`]: choice('location', 'up_share'),
    [field]: entries,
    [`${name}_dry_run`]: choice('on', 'off'),
    [`${name}_log_level`]: choice('info', 'notice', 'warn', 'error'),
    [`${name}_status`]: integer,
  }
}

function describeKind({ name, list: field, describe }: Kind, at: Surroundings): Fields {
  return {
    [`${field}_scope`]: at.own(name).length > 0 ? 'location' : 'up_share',
    [field]: at.inForce(name).map(describe),
    [`${name}_dry_run`]: at.flag(`${name}_dry_run`, false) ? 'on' : 'off',
    [`${name}_log_level`]: at.argument(`${name}_log_level`) ?? 'error',
    [`${name}_status`]: Number(at.argument(`${name}_status`) ?? 503),
  }
}

function rateSetting(fields: Fields, name: string): readonly Setting[] {
  const rate = textField(fields, name)
  if (rate === undefined) return []
  if (!rate.includes('$') && parseSize(rate) === undefined) fail(` ${name} "${rate}" is invalid`)
  return [single(name, rate)]
}

function kindSettings(kind: Kind, fields: Fields, at: Surroundings): readonly Setting[] {
  const { name } = kind
  const settings: Setting[] = []
  const simple = {
    [`${name}_dry_run`]: textField(fields, `${name}_dry_run`),
    [`${name}_log_level`]: textField(fields, `${name}_log_level`),
    [`${name}_status`]: boundedField(fields, `${name}_status`, statusBounds),
  }
  for (const [directive, value] of Object.entries(simple)) {
    if (value !== undefined) settings.push(single(directive, value))
  }
  const entries = fields[kind.list] as readonly Fields[] | undefined
  if (entries === undefined) return settings
  const isOwn = fields[`${kind.list}_scope`] === 'location'
  return [
    ...settings,
    ...(isOwn ? [listSetting(kind, entries, at)] : checkShared(kind, fields, at)),
  ]
}

function listSetting(
  { name, zones, title, toWords }: Kind,
  entries: readonly Fields[],
  at: Surroundings,
): Setting {
  const known = at.inForce(zones).map(({ args }) => zoneName(args))
  const missing = entries.map(zoneOf).find((zone) => !known.includes(zone))
  if (missing !== undefined) fail(` ${title} zone:${missing} is not exist`)
  return { target: name, directives: entries.map(toWords) }
}

/** What is shared with the blocks around is not changed from within; a dump that comes back asks for nothing. */
function checkShared(kind: Kind, fields: Fields, at: Surroundings): readonly Setting[] {
  const { list: field, title } = kind
  const now = describeKind(kind, at)
  const names = [field, `${field}_scope`]
  if (names.every((name) => isSame(now[name], fields[name]))) return []
  fail(` dyn ${title} is up_share scope, so not update`)
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function zoneOf(entry: Fields): string {
  return textField(entry, 'zone') ?? ''
}

function zonesIn(tree: Directive): readonly Directive[] {
  const http = findDirective(tree.block, 'http')
  return http === undefined ? [] : new Surroundings(http).own('limit_req_zone')
}

/** `zone=NAME:SIZE`. */
function zoneName(args: readonly string[]): string {
  return (parameter(args, 'zone') ?? '').split(':')[0]!
}

function parameter(args: readonly string[], name: string): string | undefined {
  return args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1)
}

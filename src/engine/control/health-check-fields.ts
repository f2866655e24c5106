/**
 * The form of a health check in the API, and in the configuration (reference §1b, Annex B).
 *
 * ```text
 *   {"interval":"3s","http":{"uri":"/health","header":["X ~ y"]},"ssl":{"enable":true}}
 *        ▲▼
 *   health_check type=http interval=3s uri=/health "header=X ~ y" ssl=on;
 * ```
 *
 * One table leads in both directions, so that what is not in it is in neither.
 */
import { lengthFault } from '../conf/words.ts'
import { secretParameters } from '../upstream/health/check-settings.ts'
import type { Schema } from './operation.ts'
import { Refusal } from './refusal.ts'
import type { SubsystemName } from './server-index.ts'

export interface CheckType {
  readonly subsystem: SubsystemName
  /** What the configuration calls it. */
  readonly probe: string
  /** Objects of fields that it has. */
  readonly groups: readonly string[]
}

/** By their names in the API; `grpc` is an addition to the four of the reference. */
export const checkTypes: Readonly<Record<string, CheckType>> = {
  http: { subsystem: 'http', probe: 'http', groups: ['http', 'ssl'] },
  grpc: { subsystem: 'http', probe: 'grpc', groups: ['grpc', 'ssl'] },
  stcp: { subsystem: 'stream', probe: 'tcp', groups: ['stream', 'ssl'] },
  sudp: { subsystem: 'stream', probe: 'udp', groups: ['stream', 'ssl'] },
  smysql: { subsystem: 'stream', probe: 'mysql', groups: ['sql'] },
}

export type Fields = Readonly<Record<string, unknown>>

type Kind = 'text' | 'number' | 'flag' | 'texts'

interface Field {
  /** Object that it stands in; empty for the body itself. */
  readonly group: string
  readonly name: string
  /** Name of the parameter. */
  readonly word: string
  readonly kind: Kind
  /** As the API shows it where nothing is said. */
  readonly fallback?: string | number | boolean
  readonly doc?: string
}

function own(word: string, kind: Kind, fallback: string | number, doc: string): Field {
  return { group: '', name: word, word, kind, fallback, doc }
}

const fields: readonly Field[] = [
  own('interval', 'text', '5s', 'Time between two checks.'),
  own(
    'visit_interval',
    'text',
    '0s',
    'A server that took a client within that time is not checked.',
  ),
  own('jitter', 'text', '0s', 'Up to which a delay by chance is added to the interval.'),
  own('timeout', 'text', '5s', 'How long one check may take.'),
  own('passes', 'number', 1, 'Good checks in a row that bring a server back.'),
  own('fails', 'number', 1, 'Bad checks in a row that take a server out.'),
  own('port', 'number', 0, "0: the server's own."),
  {
    group: 'http',
    name: 'only_check_port',
    word: 'only_check_port',
    kind: 'flag',
    fallback: false,
  },
  { group: 'http', name: 'uri', word: 'uri', kind: 'text', fallback: '/' },
  { group: 'http', name: 'header', word: 'header', kind: 'texts' },
  { group: 'http', name: 'body', word: 'body', kind: 'text' },
  { group: 'http', name: 'status', word: 'status', kind: 'text' },
  { group: 'grpc', name: 'service', word: 'grpc_service', kind: 'text' },
  { group: 'grpc', name: 'status', word: 'grpc_status', kind: 'number' },
  { group: 'stream', name: 'send', word: 'send', kind: 'text' },
  { group: 'stream', name: 'expect', word: 'expect', kind: 'text' },
  { group: 'sql', name: 'select', word: 'select', kind: 'text' },
  { group: 'sql', name: 'useSsl', word: 'use_ssl', kind: 'flag', fallback: true },
  { group: 'sql', name: 'user', word: 'user', kind: 'text' },
  { group: 'sql', name: 'password', word: 'password', kind: 'text' },
  { group: 'sql', name: 'db', word: 'db', kind: 'text' },
  { group: 'ssl', name: 'enable', word: 'ssl', kind: 'flag', fallback: false },
  { group: 'ssl', name: 'session_reuse', word: 'ssl_session_reuse', kind: 'flag', fallback: false },
  {
    group: 'ssl',
    name: 'protocols',
    word: 'ssl_protocols',
    kind: 'text',
    fallback: 'TLSv1.2 TLSv1.3',
  },
  { group: 'ssl', name: 'ciphers', word: 'ssl_ciphers', kind: 'text', fallback: 'DEFAULT' },
  { group: 'ssl', name: 'name', word: 'ssl_name', kind: 'text' },
  { group: 'ssl', name: 'serverName', word: 'ssl_server_name', kind: 'flag', fallback: false },
  { group: 'ssl', name: 'verify', word: 'ssl_verify', kind: 'flag', fallback: false },
  { group: 'ssl', name: 'verifyDepth', word: 'ssl_verify_depth', kind: 'number', fallback: 1 },
  { group: 'ssl', name: 'trustedCertificate', word: 'ssl_trusted_certificate', kind: 'text' },
  { group: 'ssl', name: 'crl', word: 'ssl_crl', kind: 'text' },
  { group: 'ssl', name: 'certificate', word: 'ssl_certificate', kind: 'text' },
  { group: 'ssl', name: 'certificateKey', word: 'ssl_certificate_key', kind: 'text' },
]

/** Fields of national cryptography: they may say that there is none. */
const absent: Readonly<Record<string, unknown>> = {
  ntls: false,
  encCertificate: '',
  encCertificateKey: '',
}

/** Arguments of `health_check` for such a body. Throws `Refusal` where it is not of the form. */
export function toWords({ probe, groups }: CheckType, body: Fields): readonly string[] {
  checkNames(body, groups)
  const used = fields.filter(({ group }) => group === '' || groups.includes(group))
  const isSecured = groupOf(body, 'ssl')['enable'] === true
  const words = used
    .filter(({ group }) => group !== 'ssl' || isSecured)
    .flatMap((field) => wordsFor(field, groupOf(body, field.group)[field.name]))
  return [`type=${probe}`, ...words]
}

/** The body that such arguments stand for, with what they leave unsaid. */
export function toBody({ groups }: CheckType, words: readonly string[]): Fields {
  const body: Record<string, unknown> = {}
  for (const field of fields) {
    const { group, name, word, kind, fallback } = field
    if (secretParameters.includes(word) || (group !== '' && !groups.includes(group))) continue
    const given = words
      .filter((each) => each.startsWith(`${word}=`))
      .map((each) => each.slice(word.length + 1))
    const value = given.length === 0 ? fallback : valueOf(kind, given)
    const target = group === '' ? body : ((body[group] ??= {}) as Record<string, unknown>)
    if (value !== undefined) target[name] = value
  }
  return body
}

/** For the description of the interface. */
export function bodySchema(): Schema {
  const names = [...new Set(fields.map(({ group }) => group))].filter((group) => group !== '')
  const groups = names.map((group) => [group, { type: 'object', properties: schemasOf(group) }])
  const properties = { ...schemasOf(''), ...Object.fromEntries(groups) } as Schema['properties']
  return { type: 'object', properties: properties! }
}

function schemasOf(of: string): Readonly<Record<string, Schema>> {
  const types = { text: 'string', number: 'integer', flag: 'boolean', texts: 'array' } as const
  const within = fields.filter(({ group }) => group === of)
  return Object.fromEntries(
    within.map(({ name, kind, doc }) => {
      const items = kind === 'texts' && { items: { type: 'string' } as const }
      return [name, { type: types[kind], ...items, ...(doc !== undefined && { description: doc }) }]
    }),
  )
}

function checkNames(body: Fields, groups: readonly string[]): void {
  for (const [name, value] of Object.entries(body)) {
    if (groups.includes(name)) checkGroup(name, value)
    else if (!isKnown('', name)) fault(`unknown field "${name}"`)
  }
}

function checkGroup(group: string, value: unknown): void {
  if (!isObject(value)) fault(`"${group}" is no object`)
  for (const [name, each] of Object.entries(value)) {
    if (isKnown(group, name)) continue
    const isAbsent = group === 'ssl' && Object.hasOwn(absent, name) && each === absent[name]
    if (!isAbsent) fault(`unknown field "${group}.${name}"`)
  }
}

function isKnown(group: string, name: string): boolean {
  return fields.some((field) => field.group === group && field.name === name)
}

export function groupOf(body: Fields, group: string): Fields {
  const value = group === '' ? body : body[group]
  return isObject(value) ? value : {}
}

function wordsFor({ group, name, word, kind }: Field, value: unknown): readonly string[] {
  if (value === undefined) return []
  const label = group === '' ? name : `${group}.${name}`
  const values = kind === 'texts' && Array.isArray(value) ? (value as unknown[]) : [value]
  return values.flatMap((each) => {
    const text = textOf(kind, each)
    if (text === undefined) fault(`invalid value of "${label}"`)
    // Nothing is as good as an empty text, and a port of 0 as none.
    const isSaid = text !== '' && !(word === 'port' && text === '0')
    const tooLong = lengthFault(`${word}=${text}`)
    if (tooLong !== undefined) fault(tooLong)
    return isSaid ? [`${word}=${text}`] : []
  })
}

function textOf(kind: Kind, value: unknown): string | undefined {
  switch (kind) {
    case 'flag':
      return typeof value === 'boolean' ? (value ? 'on' : 'off') : undefined
    case 'number':
      return Number.isSafeInteger(value) ? String(value) : undefined
    case 'text':
    case 'texts':
      return typeof value === 'string' ? value : undefined
  }
}

function valueOf(kind: Kind, given: readonly string[]): unknown {
  const last = given.at(-1)!
  if (kind === 'texts') return given
  if (kind === 'number') return Number(last)
  return kind === 'flag' ? last.toLowerCase() === 'on' : last
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function fault(text: string): never {
  throw new Refusal(checkCodes.parse, text)
}

/** Codes of the replies of this interface. */
export const checkCodes = {
  success: 0,
  type: 1,
  upstream: 2,
  trusted: 4,
  certificate: 5,
  certificateKey: 6,
  server: 7,
  configured: 8,
  parse: 9,
  uri: 10,
  method: 11,
  notFound: 12,
  port: 13,
  udpTls: 14,
  sqlTls: 15,
  sqlDb: 16,
} as const

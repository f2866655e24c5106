/** `add_header`, `expires`: fields that responses get. */
import { ConfError } from '../../conf/diagnostics.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import type { ValueType } from '../../core/module.ts'
import { concat } from '../../modules/value-types.ts'
import { type Expiry, parseExpiry, writeExpiry } from '../expires.ts'
import { defineHttpModule, type HeaderFilter, type HttpModule } from '../module.ts'
import type { Request } from '../request.ts'

export interface AddedField {
  readonly name: string
  readonly value: ComplexValue
  /** With every status; otherwise with those of success and redirection alone. */
  readonly always: boolean
}

/** A time that is known, or a text that gives one for each response. */
interface Expires {
  readonly known: Expiry | undefined
  readonly text: ComplexValue
  readonly modified: boolean
}

export interface HttpHeadersConf {
  readonly add_header: readonly AddedField[]
  readonly expires: Expires | undefined
}

const contexts = ['http', 'http.server', 'http.location', 'http.location.if'] as const

/** `name value [always]`. */
export const addedField: ValueType<readonly AddedField[]> = {
  describe: 'name value [always]',
  parse: ([name = '', value = '', always], env) => {
    if (always !== undefined && always !== 'always') {
      throw new ConfError(`invalid parameter "${always}"`)
    }
    return [{ name, value: env.complex(value), always: always !== undefined }]
  },
}

const expires: ValueType<Expires | undefined> = {
  describe: '[modified] time | epoch | max | off',
  parse: ([first = '', second], env) => {
    if (second !== undefined && first !== 'modified')
      throw new ConfError('"expires" directive invalid value')
    const modified = second !== undefined
    const text = env.complex(second ?? first)
    const known = text.constant === undefined ? undefined : knownExpiry(text.constant, modified)
    return { known, text, modified }
  },
}

function knownExpiry(text: string, modified: boolean): Expiry {
  try {
    return parseExpiry(text, modified)
  } catch (error) {
    throw error instanceof ConfError ? new ConfError(`"expires" directive ${error.message}`) : error
  }
}

export const httpHeaders: HttpModule<HttpHeadersConf> = defineHttpModule<HttpHeadersConf>({
  id: 'http.headers',
  directives: {
    add_header: {
      contexts,
      args: [2, 3],
      syntax: 'add_header name value [always]',
      secret: 'field',
      value: addedField,
      default: [],
      merge: concat,
      doc: 'Adds a field to responses.',
    },
    expires: {
      contexts,
      args: [1, 2],
      syntax: 'expires [modified] time | epoch | max | off',
      value: expires,
      default: undefined,
      doc: 'Tells clients how long they may keep a response.',
    },
  },
  idle: true,
  hooks: { headerFilter: compose },
})

const usualStatuses: ReadonlySet<number> = new Set([
  200, 201, 204, 206, 301, 302, 303, 304, 307, 308,
])

/** True for statuses whose responses get fields that are not for all. */
export function isUsual(status: number): boolean {
  return status === 200 || usualStatuses.has(status)
}

function compose(conf: HttpHeadersConf): HeaderFilter | undefined {
  const { add_header: fields, expires: expiry } = conf
  const add = addingFilter(fields)
  if (expiry === undefined || expiry.known?.kind === 'off') return add
  return (request) => {
    if (request.parent !== undefined) return
    if (isUsual(request.response.status)) applyExpiry(request, expiry)
    add?.(request)
  }
}

/** Adds fields to responses; nothing where there are none. */
export function addingFilter(fields: readonly AddedField[]): HeaderFilter | undefined {
  if (fields.length === 0) return undefined
  const setters = fields.map(({ name, value, always }) => ({
    name,
    value,
    always,
    set: uniqueFields[name.toLowerCase()] ?? addField,
  }))
  return (request) => {
    if (request.parent !== undefined) return
    const usual = isUsual(request.response.status)
    for (const { name, value, always, set } of setters) {
      if (usual || always) set(request, name, value.evaluate(request))
    }
  }
}

function applyExpiry(request: Request, { known, text, modified }: Expires): void {
  const expiry = known ?? expiryOf(text.evaluate(request), modified)
  if (expiry !== undefined) writeExpiry(request.response, expiry, Date.now())
}

/** A variable may hold anything; what is no time says nothing. */
function expiryOf(text: string, modified: boolean): Expiry | undefined {
  try {
    return parseExpiry(text, modified)
  } catch (error) {
    if (error instanceof ConfError) return undefined
    throw error
  }
}

type Setter = (request: Request, name: string, value: string) => void

const addField: Setter = ({ response }, name, value) => {
  if (value !== '') response.add(name, value)
}

/** Fields of which there is one: a value takes the place of the one before, none takes it away. */
const uniqueFields: Readonly<Record<string, Setter>> = {
  'last-modified': ({ response }, name, value) => {
    response.lastModified = -1
    response.remove('last-modified')
    if (value !== '') response.add(name, value)
  },
  etag: ({ response }, _name, value) => {
    response.etag = value === '' ? undefined : value
  },
}

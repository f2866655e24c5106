/** `/api/v1/config/http_dyn_header`: fields that responses get (Annex B `helper_dyn_header`). */
import type { Declaration } from '../declaration.ts'
import { locationDeclaration } from './located-declaration.ts'
import { fail } from './settings.ts'

interface Header {
  readonly key?: string
  readonly value?: string
  /** Not 0: with every status. */
  readonly always?: number
}

export const httpHeaderFields: Declaration = locationDeclaration({
  key: 'http_dyn_header',
  fields: {
    headers: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          key: { type: 'string', examples: ['X-Served-By'] },
          value: { type: 'string', examples: ['$hostname'] },
          always: { type: 'integer', enum: [0, 1] },
        },
      },
    },
  },
  read: (at) => ({
    headers: at.inForce('add_header').map(({ args: [key = '', value = '', always] }) => ({
      key,
      value,
      always: always === undefined ? 0 : 1,
    })),
  }),
  write: ({ headers }) => [
    { target: 'add_header', directives: (headers as readonly Header[]).map(toWords) },
  ],
  explain: (fault) => {
    const unknown = /unknown "([^"]*)" variable/.exec(fault)?.[1]
    return unknown === undefined ? fault : ` header contains undefined variables $${unknown}`
  },
})

/** The name must be a token (RFC 9110 §5.1): it is sent as it stands. */
function toWords({ key = '', value = '', always = 0 }: Header): readonly string[] {
  if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(key)) fail(` header key "${key}" is no name of a field`)
  return ['add_header', key, value, ...(always === 0 ? [] : ['always'])]
}

/** `/api/v2/tokens`: tokens are given out, listed and revoked, by admins alone. */
import { parseTimeMs } from '../../conf/units.ts'
import { accessScopes, type Grant, limitFault, toScope } from '../access/grant.ts'
import { type NewToken, TokenError, type Tokens } from '../access/tokens.ts'
import { originOf } from '../actor.ts'
import { type ApiRequest, type Endpoint, json, notFound } from '../api.ts'
import { tokenLifetimeMs, tokenNameCharsMax } from '../limits.ts'
import { type Operation, replySchema, type ResponseNote, type Schema } from '../operation.ts'
import { Refusal, replyCodes, success } from '../refusal.ts'

const texts: Schema = { type: 'array', items: { type: 'string' } }

const grantFields: Readonly<Record<string, Schema>> = {
  name: { type: 'string', description: 'What it is for; the history shows it.' },
  scope: { type: 'string', enum: accessScopes },
  paths: {
    ...texts,
    description: 'Paths it is kept to, with all below them; none for every path.',
  },
  methods: { ...texts, description: 'Methods it is kept to; none for every method.' },
}

const record: Schema = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    ...grantFields,
    created: { type: 'string' },
    expires: { description: 'When it ends, or null.' },
    createdBy: { type: 'string' },
  },
}

const invalid: ResponseNote = {
  description: 'The body is not such an object.',
  schema: replySchema,
}

const operations: readonly Operation[] = [
  {
    method: 'get',
    path: '/v2/tokens',
    summary: 'Lists tokens',
    responses: {
      200: {
        description: 'All that are good, without what would let others use them.',
        schema: { type: 'object', properties: { tokens: { type: 'array', items: record } } },
      },
    },
  },
  {
    method: 'post',
    path: '/v2/tokens',
    summary: 'Gives out a token',
    description: 'The answer holds the token; it is not kept and cannot be asked for again.',
    body: {
      type: 'object',
      properties: {
        ...grantFields,
        expires_in: {
          type: 'string',
          description: 'Such as `12h` or `30d`, or `never`; 90 days unless said.',
        },
      },
      required: ['name', 'scope'],
      examples: [{ name: 'deploy', scope: 'change', paths: ['/v1/kv'], expires_in: '30d' }],
    },
    responses: {
      201: {
        description: 'The token, and what is kept of it.',
        schema: {
          type: 'object',
          properties: { token: { type: 'string' }, ...record.properties },
        },
      },
      400: invalid,
    },
  },
  {
    method: 'delete',
    path: '/v2/tokens/{id}',
    summary: 'Revokes a token',
    responses: {
      200: { description: 'It is good for nothing any more.', schema: replySchema },
      404: { description: 'There is no such token.', schema: replySchema },
    },
  },
]

/** The endpoint over the tokens of an installation. */
export function tokensEndpoint(tokens: Tokens): Endpoint {
  return {
    key: '/v2/tokens',
    operations,
    scope: 'admin',
    handle: async (request) => {
      const [id, ...rest] = request.path
      if (rest.length > 0) return notFound()
      if (id !== undefined) {
        return request.method === 'DELETE' ? revoke(id, tokens) : notFound()
      }
      if (request.method === 'GET') return json(200, { tokens: tokens.list() })
      return request.method === 'POST' ? create(request, tokens) : notFound()
    },
  }
}

async function create(request: ApiRequest, tokens: Tokens): Promise<Response> {
  try {
    const { record: made, token } = await tokens.create(parseWanted(request))
    const response = json(201, { token, ...made })
    // A token is no business of caches on the way.
    response.headers.set('cache-control', 'no-store')
    return response
  } catch (error) {
    if (error instanceof Refusal) return json(400, error.reply)
    if (!(error instanceof TokenError)) throw error
    return json(400, { code: replyCodes.failure, msg: error.message })
  }
}

async function revoke(id: string, tokens: Tokens): Promise<Response> {
  if (await tokens.revoke(id)) return json(200, success)
  return json(404, { code: replyCodes.failure, msg: `there is no token "${id}"` })
}

const fieldNames: ReadonlySet<string> = new Set([...Object.keys(grantFields), 'expires_in'])

function parseWanted({ body = '', actor }: ApiRequest): NewToken {
  const fields = parseFields(body)
  const unknown = Object.keys(fields).find((name) => !fieldNames.has(name))
  if (unknown !== undefined) throw bad(`there is no field "${unknown}"`)
  const { name, expires_in: expiresIn } = fields
  if (typeof name !== 'string' || !/^[\w.@-]+$/.test(name) || name.length > tokenNameCharsMax) {
    throw bad(`"name" must be 1 to ${tokenNameCharsMax} letters, digits, or any of . _ @ -`)
  }
  return {
    name,
    ...parseGrant(fields),
    lifetimeMs: parseLifetime(expiresIn),
    createdBy: originOf(actor).actor,
  }
}

function parseGrant(fields: Readonly<Record<string, unknown>>): Grant {
  const scope = toScope(fields['scope'])
  if (scope === undefined) throw bad(`"scope" must be one of ${accessScopes.join(', ')}`)
  const paths = listOf(fields, 'paths')
  const methods = listOf(fields, 'methods')
  const fault = limitFault({ paths, methods })
  if (fault !== undefined) throw bad(fault)
  return { scope, paths, methods }
}

function parseLifetime(value: unknown): number | undefined {
  if (value === undefined) return tokenLifetimeMs
  if (value === 'never') return undefined
  const ms = typeof value === 'string' ? parseTimeMs(value) : undefined
  if (ms === undefined || ms < 1000) {
    throw bad('"expires_in" must be a time of at least a second such as "30d", or "never"')
  }
  return ms
}

function listOf(fields: Readonly<Record<string, unknown>>, name: string): readonly string[] {
  const value = fields[name] ?? []
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
  throw bad(`"${name}" must be an array of strings`)
}

function parseFields(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>
    }
  } catch {
    // Said below, as for anything else that is no object.
  }
  throw bad('a JSON object is expected')
}

function bad(msg: string): Refusal {
  return new Refusal(replyCodes.badParameter, msg)
}

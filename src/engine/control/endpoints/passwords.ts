/**
 * `/api/v1/auth_kv/password`: users and passwords that `auth_basic_kv` checks (reference §1b).
 *
 * ```text
 *   PUT    /password                  {"prefix","user_name","password"}   a new user
 *   PATCH  /password/PREFIX/USER      {"password"}                        another password
 *   DELETE /password/PREFIX/USER
 * ```
 *
 * What is stored, at `auth_basic:PREFIX:USER` of the key/value store, is a hash. The bus does not hear of it.
 */
import { type ApiRequest, type Endpoint, json } from '../api.ts'
import { passwordBytesMax, userNameBytesMax } from '../limits.ts'
import { type Operation, type ResponseNote, replySchema, type Schema } from '../operation.ts'
import { hashPassword } from '../password-hash.ts'
import type { ControlPlane } from '../plane.ts'
import { replyCodes, success } from '../refusal.ts'

/** Start of the keys that hold hashes of passwords. */
export const passwordKeyPrefix = 'auth_basic:'

interface User {
  readonly prefix: string
  readonly name: string
}

const text: Schema = { type: 'string' }

const parameters = [
  { name: 'prefix', description: 'The argument of `auth_basic_kv`.', schema: text },
  { name: 'user_name', description: 'Name of the user.', schema: text },
]

const responses: Readonly<Record<number, ResponseNote>> = {
  200: { description: 'Done when `code` is 0.', schema: replySchema },
  400: { description: 'The request is not of its form.', schema: replySchema },
  404: { description: 'There is no such path.', schema: replySchema },
}

const userPath = '/v1/auth_kv/password/{prefix}/{user_name}'

const operations: readonly Operation[] = [
  {
    method: 'put',
    path: '/v1/auth_kv/password',
    summary: 'Adds a user with a password',
    body: {
      type: 'object',
      properties: { prefix: text, user_name: text, password: text },
      required: ['prefix', 'user_name', 'password'],
      examples: [{ prefix: 'staff', user_name: 'ann', password: 'a long one' }],
    },
    responses,
  },
  {
    method: 'patch',
    path: userPath,
    summary: 'Gives a user another password',
    parameters,
    body: {
      type: 'object',
      properties: { password: text },
      required: ['password'],
      examples: [{ password: 'another long one' }],
    },
    responses,
  },
  {
    method: 'delete',
    path: userPath,
    summary: 'Removes a user',
    parameters,
    responses,
  },
]

export const passwords: Endpoint = {
  key: '/v1/auth_kv',
  operations,
  handle: async (request, plane) => {
    const [noun, prefix, name, ...rest] = request.path.map(decodeSegment)
    if (noun !== 'password' || rest.length > 0) return refuse(404, ' url path not allowed')
    if (prefix === undefined) {
      return request.method === 'PUT' ? add(request, plane) : refuse(405, ' method not allowed')
    }
    if (prefix === '' || name === undefined || name === '') {
      return refuse(404, ' url path not allowed')
    }
    switch (request.method) {
      case 'PATCH':
        return change(request, { prefix, name }, plane)
      case 'DELETE':
        return remove({ prefix, name }, plane)
      default:
        return refuse(405, ' method not allowed')
    }
  },
}

async function add(request: ApiRequest, plane: ControlPlane): Promise<Response> {
  const fields = parseFields(request)
  const [prefix, name, password] = ['prefix', 'user_name', 'password'].map((field) => {
    const value = fields?.[field]
    return typeof value === 'string' ? value : ''
  }) as [string, string, string]
  if (prefix === '' || name === '' || password === '') {
    return refuse(400, ' prefix, user_name and password should not be empty')
  }
  const fault = faultOf({ prefix, name }) ?? passwordFault(password)
  if (fault !== undefined) return refuse(400, fault)
  return store({ prefix, name }, password, { plane, exists: false })
}

async function change(request: ApiRequest, user: User, plane: ControlPlane): Promise<Response> {
  const password = parseFields(request)?.['password']
  if (typeof password !== 'string' || password === '') {
    return refuse(400, ' prefix, user_name and password should not be empty')
  }
  const fault = passwordFault(password)
  if (fault !== undefined) return refuse(400, fault)
  return store(user, password, { plane, exists: true })
}

async function remove(user: User, { keyValues }: ControlPlane): Promise<Response> {
  const isThere = (): Promise<boolean> => inTurn(() => keyValues.delete(keyOf(user)))
  if (faultOf(user) !== undefined || !(await isThere())) {
    return refuse(200, ' user is not exist')
  }
  return json(200, success)
}

/** Hashing takes a while: whether the user exists is asked before, to spare it, and again when it is done. */
async function store(
  user: User,
  password: string,
  { plane, exists }: { readonly plane: ControlPlane; readonly exists: boolean },
): Promise<Response> {
  const { keyValues } = plane
  const wrong = refuse(200, exists ? ' user is not exist' : ' user existed')
  const key = keyOf(user)
  if (faultOf(user) !== undefined) return wrong
  if (((await keyValues.get(key)) !== undefined) !== exists) return wrong
  const hashed = await hashPassword(password)
  if (hashed === undefined) return refuse(500, ' the system cannot hash passwords')
  return inTurn(async () => {
    if (((await keyValues.get(key)) !== undefined) !== exists) return wrong
    await keyValues.put(key, hashed)
    return json(200, success)
  })
}

let last: Promise<unknown> = Promise.resolve()

/** What looks before it writes is alone while it does. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const result = last.then(work)
  last = result.catch(() => undefined)
  return result
}

function keyOf({ prefix, name }: User): string {
  return `${passwordKeyPrefix}${prefix}:${name}`
}

/** Why there can be no such user. A colon would make two users one; no client can send control characters. */
function faultOf(user: User): string | undefined {
  for (const part of [user.prefix, user.name]) {
    // oxlint-disable-next-line no-control-regex -- they are what is looked for
    if (/[:\u0000-\u001f\u007f]/.test(part)) {
      return ' prefix and user_name must not contain ":" or control characters'
    }
    if (Buffer.byteLength(part) > userNameBytesMax) {
      return ` prefix and user_name are longer than ${userNameBytesMax} bytes`
    }
  }
  return undefined
}

function passwordFault(password: string): string | undefined {
  if (password.includes('\0')) return ' password must not contain a zero byte'
  return Buffer.byteLength(password) > passwordBytesMax
    ? ` password is longer than ${passwordBytesMax} bytes`
    : undefined
}

function parseFields({ body = '' }: ApiRequest): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

function refuse(status: number, msg: string): Response {
  return json(status, { code: replyCodes.failure, msg })
}

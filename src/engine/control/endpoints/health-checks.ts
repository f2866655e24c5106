/**
 * `/api/v1/hc`: active health checks of upstream groups (reference §1b).
 *
 * ```text
 *   GET    /v1/hc                      the checks there are
 *   GET    /v1/hc/{type}/{upstream}    one of them
 *   POST   /v1/hc/{type}/{upstream}    defines it
 *   DELETE /v1/hc/{type}/{upstream}    takes it away
 * ```
 *
 * There is no change of a check: it is deleted and defined again.
 */
import { directive } from '../../conf/tree.ts'
import { ConfError } from '../../conf/diagnostics.ts'
import { healthCheckValue } from '../../upstream/health/check-parameters.ts'
import { type ApiRequest, changeResponse, type Endpoint, json } from '../api.ts'
import type { DynamicState } from '../dynamic-state.ts'
import { groupsOf, zoneOf } from '../group-index.ts'
import {
  bodySchema,
  checkCodes,
  checkTypes,
  type CheckType,
  type Fields,
  groupOf,
  toBody,
  toWords,
} from '../health-check-fields.ts'
import type { Edit } from '../instruction.ts'
import { findCheck, healthCheckKey } from '../instructions/health-check.ts'
import { dryRunParameter, type Operation, replySchema } from '../operation.ts'
import type { ControlPlane } from '../plane.ts'
import { Refusal } from '../refusal.ts'

/** HTTP status of each code; what cannot be made by the workers is none of theirs. */
const statuses: Readonly<Record<number, number>> = {
  [checkCodes.success]: 200,
  [checkCodes.type]: 404,
  [checkCodes.upstream]: 404,
  [checkCodes.trusted]: 400,
  [checkCodes.certificate]: 400,
  [checkCodes.certificateKey]: 400,
  [checkCodes.server]: 500,
  [checkCodes.configured]: 409,
  [checkCodes.parse]: 400,
  [checkCodes.uri]: 404,
  [checkCodes.method]: 405,
  [checkCodes.notFound]: 404,
  [checkCodes.port]: 500,
  [checkCodes.udpTls]: 500,
  [checkCodes.sqlTls]: 500,
  [checkCodes.sqlDb]: 500,
}

const portMax = 65_535

const answers = {
  200: { description: 'Done in every worker.', schema: replySchema },
  400: { description: 'The body is not of its form.', schema: replySchema },
  404: { description: 'There is no such type, group or check.', schema: replySchema },
  409: { description: 'The group has a check of that type.', schema: replySchema },
  500: { description: 'The check cannot be made.', schema: replySchema },
} as const

const path = '/v1/hc/{type}/{upstream}'
const parameters: Operation['parameters'] = [
  {
    name: 'type',
    description: 'What speaks to the servers.',
    schema: { type: 'string', enum: Object.keys(checkTypes) },
  },
]

const operations: readonly Operation[] = [
  {
    method: 'get',
    path: '/v1/hc',
    summary: 'Lists health checks',
    responses: { 200: { description: 'Group and type of each, those of the files among them.' } },
  },
  {
    method: 'get',
    path,
    parameters,
    summary: 'Shows a health check',
    description: 'With what was left unsaid, and without its password.',
    responses: { 200: { description: 'The check.', schema: bodySchema() }, 404: answers[404] },
  },
  {
    method: 'post',
    path,
    parameters,
    summary: 'Defines a health check',
    description: 'The group must have a zone. A group has one check of each type.',
    query: [dryRunParameter],
    body: bodySchema(),
    responses: answers,
  },
  {
    method: 'delete',
    path,
    parameters,
    summary: 'Takes a health check away',
    query: [dryRunParameter],
    responses: { 200: answers[200], 404: answers[404], 500: answers[500] },
  },
]

export const healthChecks: Endpoint = {
  key: '/v1/hc',
  operations,
  handle: async (request, plane) => {
    try {
      return await answer(request, plane)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return reply(error.reply.code, error.message)
    }
  },
}

async function answer(request: ApiRequest, plane: ControlPlane): Promise<Response> {
  const { path: segments, method } = request
  if (segments.length === 0) {
    return method === 'GET' ? json(200, list(plane.state())) : refuseMethod()
  }
  if (segments.length !== 2) throw new Refusal(checkCodes.uri, 'The request uri not found ')
  const [name = '', upstream = ''] = segments.map(decode)
  const type = Object.hasOwn(checkTypes, name) ? checkTypes[name] : undefined
  if (type === undefined) throw new Refusal(checkCodes.type, 'Type not allow')
  const target = { name, type, upstream }
  switch (method) {
    case 'GET':
      return json(200, describe(plane.state(), target))
    case 'POST': {
      findGroup(plane.state(), target)
      const body = parse(request, target)
      return change(request, plane, (state) => addition(state, target, body))
    }
    case 'DELETE':
      return change(request, plane, (state) => removal(state, target))
    default:
      return refuseMethod()
  }
}

interface Target {
  readonly name: string
  readonly type: CheckType
  readonly upstream: string
}

async function change(
  request: ApiRequest,
  plane: ControlPlane,
  toEdit: (state: DynamicState) => Edit,
): Promise<Response> {
  const { action, actor, dryRun, timeoutMs } = request
  const edits = (state: DynamicState): readonly Edit[] => [toEdit(state)]
  const result = await plane.change({ edits, action, actor, dryRun, timeoutMs })
  if (result.kind === 'timeout') return changeResponse(result)
  if (result.kind === 'done') return reply(checkCodes.success, 'success')
  const { code, msg } = result.reply
  // Codes of this interface come from the instruction; any other is what workers say.
  const isOurs = code === checkCodes.upstream || code >= checkCodes.server
  return reply(isOurs ? code : checkCodes.server, msg)
}

function addition(state: DynamicState, target: Target, body: Fields): Edit {
  const group = findGroup(state, target)
  if (findCheck(group, target.type) !== undefined) {
    throw new Refusal(checkCodes.configured, 'The health check already configured ')
  }
  const [upstream = ''] = group.args
  const key = healthCheckKey(target.name, upstream)
  return { key, body: JSON.stringify({ type: target.name, upstream, ...body }) }
}

function removal({ instructions }: DynamicState, { name, upstream }: Target): Edit {
  const key = healthCheckKey(name, upstream)
  if (instructions.has(key)) return { key, body: null }
  throw new Refusal(checkCodes.notFound, 'Not found health check ')
}

/** Groups without a zone have no place where workers could see what was found. */
function findGroup(
  { tree }: DynamicState,
  { type, upstream }: Target,
): ReturnType<typeof directive> {
  const group = groupsOf(tree, type.subsystem).find(upstream)
  if (group !== undefined && zoneOf(group) !== undefined) return group
  throw new Refusal(checkCodes.upstream, 'not find upstream')
}

function list({ tree }: DynamicState): readonly { upstream: string; type: string }[] {
  return Object.entries(checkTypes).flatMap(([type, check]) =>
    [...groupsOf(tree, check.subsystem).groups()]
      .filter((group) => findCheck(group, check) !== undefined)
      .map(({ args }) => args[0] ?? '')
      .toSorted()
      .map((upstream) => ({ upstream, type })),
  )
}

function describe(state: DynamicState, target: Target): Fields {
  const node = findCheck(findGroup(state, target), target.type)
  if (node === undefined) throw new Refusal(checkCodes.notFound, 'Not found health check ')
  return toBody(target.type, node.args)
}

/** The body, once it is a check that could be made. */
function parse({ body: text = '' }: ApiRequest, { type, name }: Target): Fields {
  const body = parseObject(text)
  checkPort(body)
  checkTls(body, name)
  try {
    const words = toWords(type, body)
    const context = `${type.subsystem}.upstream` as const
    const node = directive('health_check', words)
    const same = (file: string): string => file
    const complex = (): never => unsupported('variables')
    const places = { prefixPath: same, confPath: same, complex, variables: undefined }
    healthCheckValue.parse(words, { ...places, node, context })
    return body
  } catch (error) {
    if (error instanceof ConfError) throw unreadable(error.message)
    if (error instanceof Refusal && error.reply.code === checkCodes.parse)
      throw unreadable(error.message)
    throw error
  }
}

function unsupported(what: string): never {
  throw new ConfError(`${what} are not supported`)
}

function parseObject(text: string): Fields {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  } catch {
    // Told below.
  }
  throw unreadable('')
}

/** The documented text, with what is wrong behind it. */
function unreadable(what: string): Refusal {
  return new Refusal(checkCodes.parse, `The request body parse error ${what}`)
}

function checkPort({ port }: Fields): void {
  if (port === undefined || port === 0) return
  if (Number.isSafeInteger(port) && Number(port) >= 1 && Number(port) <= portMax) return
  throw new Refusal(checkCodes.port, 'port only allowed in 1-65535')
}

function checkTls(body: Fields, type: string): void {
  if (type === 'smysql') {
    if (body['ssl'] !== undefined) {
      throw new Refusal(checkCodes.sqlTls, 'SMYSQL not allow config ssl block info')
    }
    const { db } = groupOf(body, 'sql')
    if (typeof db !== 'string' || db === '') {
      throw new Refusal(checkCodes.sqlDb, 'SMYSQL db must be set and should not be empty')
    }
  }
  const { enable, verify, trustedCertificate, certificate, certificateKey } = groupOf(body, 'ssl')
  if (enable !== true) return
  if (type === 'sudp') throw new Refusal(checkCodes.udpTls, 'UDP does not support tls')
  if (verify === true && !isGiven(trustedCertificate)) {
    throw new Refusal(checkCodes.trusted, 'Trusted CA certificate must be configured')
  }
  if (isGiven(certificateKey) && !isGiven(certificate)) {
    throw new Refusal(checkCodes.certificate, 'Certificate must be configured')
  }
  if (isGiven(certificate) && !isGiven(certificateKey)) {
    throw new Refusal(checkCodes.certificateKey, 'Certificate key must be configured')
  }
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== ''
}

function refuseMethod(): never {
  throw new Refusal(checkCodes.method, 'The request method not allow ')
}

/** The form that clients know, blanks and all. */
function reply(code: number, msg: string): Response {
  const text = `{\n  "code": ${code},\n   "msg": ${JSON.stringify(msg)}\n }`
  return new Response(text, {
    status: statuses[code] ?? 500,
    headers: { 'content-type': 'application/json' },
  })
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw new Refusal(checkCodes.uri, 'The request uri not found ')
  }
}

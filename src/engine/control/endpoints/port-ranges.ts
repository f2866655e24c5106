/** `/api/v1/range`: ranges of ports that the system redirects to one port of ours (reference §1b). */
import { instructionId } from '../../bus/topics.ts'
import { ConfError } from '../../conf/diagnostics.ts'
import { type ApiRequest, changeResponse, type Endpoint, json, notFound } from '../api.ts'
import type { DynamicState } from '../dynamic-state.ts'
import type { Edit } from '../instruction.ts'
import { portRange, type PortRangeBody } from '../instructions/port-range.ts'
import { changeResponses, dryRunParameter, type Operation, type Schema } from '../operation.ts'
import type { ControlPlane } from '../plane.ts'
import { findRange, type PortRange, rangesOf, toPortRange } from '../port-range.ts'
import { Refusal, replyCodes } from '../refusal.ts'

const fields: Readonly<Record<string, Schema>> = {
  type: { type: 'string', enum: ['tcp', 'udp'] },
  family: { type: 'string', enum: ['ipv4', 'ipv6'], description: 'ipv4 unless said.' },
  src_ports: { type: 'string', examples: ['10000:10010'] },
  dst_port: { type: 'integer', examples: [22222] },
}

const operations: readonly Operation[] = [
  {
    method: 'get',
    path: '/v1/range',
    summary: 'Lists redirected ranges of ports',
    responses: {
      200: {
        description: 'Those of the files and those that were added.',
        schema: {
          type: 'object',
          properties: {
            ranges: { type: 'array', items: { type: 'object', properties: fields } },
          },
          required: ['ranges'],
        },
      },
    },
  },
  {
    method: 'put',
    path: '/v1/range',
    summary: 'Redirects a range of ports, or no longer does',
    description:
      'TCP is redirected in the table nat, UDP handed over by TPROXY in the table mangle, in chains ' +
      'of their own that are gone when the engine stops.',
    query: [dryRunParameter],
    body: {
      type: 'object',
      properties: { action: { type: 'string', enum: ['add', 'del'] }, ...fields },
      required: ['action', 'type', 'src_ports', 'dst_port'],
      examples: [{ action: 'add', type: 'tcp', src_ports: '10000:10010', dst_port: 22222 }],
    },
    responses: changeResponses,
  },
]

export const portRanges: Endpoint = {
  key: '/v1/range',
  operations,
  handle: async (request, plane) => {
    if (request.path.length > 0) return notFound()
    if (request.method === 'GET') return json(200, { ranges: rangesOf(plane.state().tree).ranges })
    return request.method === 'PUT' ? change(request, plane) : notFound()
  },
}

async function change(request: ApiRequest, plane: ControlPlane): Promise<Response> {
  const { action, actor, dryRun, timeoutMs } = request
  try {
    const body = parseBody(request)
    const edits = (state: DynamicState): readonly Edit[] => [toEdit(body, state)]
    return changeResponse(await plane.change({ edits, action, actor, dryRun, timeoutMs }))
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return json(200, error.reply)
  }
}

function toEdit(body: PortRangeBody, { instructions, tree }: DynamicState): Edit {
  const key = keyOf(body)
  const isThere = findRange(tree, body) !== undefined
  if (body.action === 'add' && isThere) throw new Refusal(replyCodes.failure, ' rule has exist')
  if (body.action === 'del' && !isThere) throw new Refusal(replyCodes.failure, ' rule is not found')
  // The opposite of what was asked for before: the files say it already.
  return { key, body: instructions.has(key) ? null : JSON.stringify(body) }
}

function keyOf({ type, src_ports: source, dst_port: target, family }: PortRange): string {
  return `${portRange.topic}${instructionId('range', type, source, `${target}`, family)}`
}

function parseBody({ body = '' }: ApiRequest): PortRangeBody {
  const given = parseObject(body)
  const { action, ...range } = given
  const unknown = Object.keys(range).find((name) => !Object.hasOwn(fields, name))
  if (unknown !== undefined) {
    throw new Refusal(replyCodes.invalidJson, `invalid parameter:${unknown}!`)
  }
  if (action !== 'add' && action !== 'del') {
    throw new Refusal(replyCodes.failure, '"action" must be "add" or "del"')
  }
  try {
    return { action, ...toPortRange(range) }
  } catch (error) {
    if (!(error instanceof ConfError)) throw error
    throw new Refusal(replyCodes.failure, error.message)
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Said below, as for anything else that is no object.
  }
  throw new Refusal(replyCodes.invalidJson, 'invalid json format.')
}

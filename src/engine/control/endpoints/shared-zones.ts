/**
 * `/api/v1/shm`: zones that take more memory when they are full (reference §1b).
 *
 * `GET get/{static|dynamic}/{zone}` tells whether a zone does, `PUT set/…` and `PUT unset/…` say whether it
 * is to. Static zones are those that the files declare. What is set is the directive `zone_autoscale`.
 */
import { directives } from '../../conf/block.ts'
import type { Directive } from '../../conf/tree.ts'
import { type ApiRequest, changeResponse, type Endpoint, json } from '../api.ts'
import { settingEdits } from '../declarations/settings.ts'
import type { DynamicState } from '../dynamic-state.ts'
import type { Edit } from '../instruction.ts'
import {
  changeResponses,
  dryRunParameter,
  type Operation,
  type PathParameter,
  replySchema,
} from '../operation.ts'
import type { ControlPlane } from '../plane.ts'
import { declaresZone } from '../zones.ts'

const directive = 'zone_autoscale'
const updated = { code: 0, msg: 'successfully update zone status' }
const missing = { code: 4, msg: 'api or zone_name not found error' }

const parameters: readonly PathParameter[] = [
  {
    name: 'type',
    description: 'Whether the files declare the zone, or a live change did.',
    schema: { type: 'string', enum: ['static', 'dynamic'] },
  },
  { name: 'zone', description: 'Name of the zone.', schema: { type: 'string' } },
]

const unknownZone = { description: 'There is no such zone.', schema: replySchema }

const operations: readonly Operation[] = [
  {
    method: 'get',
    path: '/v1/shm/get/{type}/{zone}',
    parameters,
    summary: 'Tells whether a zone grows when it is full',
    responses: {
      200: {
        description: 'In `msg`: "zone autoscale is set" or "zone autoscale is unset".',
        schema: replySchema,
      },
      404: unknownZone,
    },
  },
  ...(['set', 'unset'] as const).map((verb): Operation => ({
    method: 'put',
    path: `/v1/shm/${verb}/{type}/{zone}`,
    parameters,
    summary: verb === 'set' ? 'Lets a zone grow when it is full' : 'Keeps a zone as large as it is',
    description:
      verb === 'set'
        ? 'Up to 16 times its size, without losing what is in it.'
        : 'What it has taken, it keeps until the engine ends.',
    query: [dryRunParameter],
    responses: { ...changeResponses, 404: unknownZone },
  })),
]

export const sharedZones: Endpoint = {
  key: '/v1/shm',
  operations,
  handle: async (request, plane) => {
    const [verb = '', type = '', zone = '', ...rest] = request.path
    const state = plane.state()
    if (rest.length > 0 || !isThere(state, type, zone)) return json(404, missing)
    if (verb === 'get' && request.method === 'GET') {
      const word = growingZones(state.tree).includes(zone) ? 'set' : 'unset'
      return json(200, { code: 0, msg: `zone autoscale is ${word}` })
    }
    if (request.method !== 'PUT' || (verb !== 'set' && verb !== 'unset')) return json(404, missing)
    return update(request, plane, { zone, grows: verb === 'set' })
  },
}

function isThere({ files, tree }: DynamicState, type: string, zone: string): boolean {
  if (type === 'static') return declaresZone(files, zone) && declaresZone(tree, zone)
  return type === 'dynamic' && !declaresZone(files, zone) && declaresZone(tree, zone)
}

async function update(
  { action, actor, dryRun, timeoutMs }: ApiRequest,
  plane: ControlPlane,
  wanted: { readonly zone: string; readonly grows: boolean },
): Promise<Response> {
  if (growingZones(plane.state().tree).includes(wanted.zone) === wanted.grows) {
    return json(200, updated)
  }
  const edits = ({ tree }: DynamicState): readonly Edit[] => toEdits(tree, wanted)
  const result = await plane.change({ edits, action, actor, dryRun, timeoutMs })
  return changeResponse(result, updated)
}

/** All names on one line, so that one place says it. */
function toEdits(
  tree: Directive,
  { zone, grows }: { readonly zone: string; readonly grows: boolean },
): readonly Edit[] {
  const others = growingZones(tree).filter((name) => name !== zone)
  const names = grows ? [...others, zone] : others
  const stated = names.length === 0 ? [] : [[directive, ...names]]
  return settingEdits([], [{ target: directive, directives: stated }])
}

function growingZones(tree: Directive): readonly string[] {
  const names = new Set<string>()
  for (const { name, args } of directives(tree.block!)) {
    if (name === directive) for (const zone of args) names.add(zone)
  }
  return [...names]
}

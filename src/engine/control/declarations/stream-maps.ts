/** `/api/v1/config/stream_dyn_map` (reference §1b, Annex B `helper_stream_dyn_map`). */
import { type Declaration, nonEmptyString, objectList } from '../declaration.ts'
import type { DynamicState } from '../dynamic-state.ts'
import { describeMap, type MapBody, mapsOf, streamMap } from '../instructions/stream-map.ts'
import { Refusal, replyCodes } from '../refusal.ts'
import { textId } from '../server-address.ts'

export const streamMaps: Declaration = {
  key: 'stream_dyn_map',
  schema: {
    type: 'object',
    properties: {
      maps: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            keyFrom: { type: 'string', examples: ['$njtmesh_port'] },
            keyTo: { type: 'string', examples: ['$mesh_server_name'] },
            values: {
              type: 'array',
              items: {
                type: 'object',
                properties: {
                  valueFrom: { type: 'string', examples: ['17082'] },
                  valueTo: { type: 'string', examples: ['server-17082'] },
                },
              },
            },
            isVolatile: { type: 'boolean' },
            hosnames: { type: 'boolean' },
          },
          required: ['keyFrom', 'keyTo', 'values'],
        },
      },
    },
    required: ['maps'],
  },
  dump: ({ tree }: DynamicState) => ({ maps: [...mapsOf(tree)].map(describeMap) }),
  items: (document) => objectList(document, 'maps'),
  toEdits: (item) => {
    const body = toMapBody(item as Record<string, unknown>)
    const id = textId(`${body.keyFrom} ${body.keyTo}`).replace(/^l/, 'm')
    return [{ key: `${streamMap.topic}${id}`, body: JSON.stringify(body) }]
  },
}

function toMapBody(item: Record<string, unknown>): MapBody {
  const { keyFrom, keyTo, isVolatile = false, hosnames = false } = item
  return {
    keyFrom: variable(keyFrom, 'keyFrom'),
    keyTo: variable(keyTo, 'keyTo'),
    values: objectList(item, 'values').map(({ valueFrom, valueTo }) => ({
      valueFrom: nonEmptyString(valueFrom, 'valueFrom'),
      valueTo: stringOf(valueTo ?? '', 'valueTo'),
    })),
    isVolatile: isVolatile === true,
    hosnames: hosnames === true,
  }
}

function stringOf(value: unknown, name: string): string {
  if (typeof value === 'string') return value
  throw new Refusal(replyCodes.invalidJson, `"${name}" must be a string`)
}

function variable(value: unknown, name: string): string {
  const text = nonEmptyString(value, name)
  if (!text.startsWith('$') || text.length < 2) {
    throw new Refusal(replyCodes.failure, `${name} ${text} is invalid, it should start with $`)
  }
  return text
}

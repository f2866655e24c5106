/**
 * `/api/v1/config/http_dyn_map` and `…/stream_dyn_map`: what maps that there are give (Annex B
 * `helper_dyn_map`, `helper_stream_dyn_map`).
 */
import { directives, findDirective } from '../../conf/block.ts'
import type { Directive } from '../../conf/tree.ts'
import { joinWords } from '../../conf/words.ts'
import type { Declaration, DeclaredItem } from '../declaration.ts'
import type { Edit } from '../instruction.ts'
import { placeEdit } from '../place.ts'
import type { SubsystemName } from '../server-index.ts'
import { fail, statement } from './settings.ts'

interface MapFields {
  readonly keyFrom: string
  readonly keyTo: string
  readonly values: readonly { readonly valueFrom: string; readonly valueTo?: string }[]
  readonly isVolatile?: boolean
  /** Spelt as the interface spells it. */
  readonly hosnames?: boolean
}

export const httpMaps: Declaration = mapDeclaration('http_dyn_map', 'http')
export const streamMaps: Declaration = mapDeclaration('stream_dyn_map', 'stream')

function mapDeclaration(key: string, subsystem: SubsystemName): Declaration {
  return {
    key,
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
                  required: ['valueFrom'],
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
    dump: ({ tree }) => ({ maps: [...mapsOf(tree, subsystem)].map(describe) }),
    items: (document) =>
      (document['maps'] as readonly MapFields[]).map((map) => toItem(map, subsystem)),
  }
}

function* mapsOf(tree: Directive, subsystem: SubsystemName): Generator<Directive, void, undefined> {
  const block = findDirective(tree.block, subsystem)?.block
  if (block === undefined) return
  for (const node of directives(block)) {
    if (node.name === 'map' && node.block !== undefined) yield node
  }
}

function toItem(map: MapFields, subsystem: SubsystemName): DeclaredItem {
  return {
    path: '',
    edits: ({ tree }): readonly Edit[] => {
      const { keyFrom, keyTo } = map
      for (const [name, text] of Object.entries({ keyFrom, keyTo })) {
        if (!/^\$./.test(text)) fail(`${name} ${text} is invalid, it should start with $`)
      }
      for (const node of mapsOf(tree, subsystem)) {
        if (node.args[0] !== keyFrom || node.args[1] !== keyTo) continue
        const place = { steps: [[subsystem]], target: ['map', keyFrom, keyTo] } as const
        return [placeEdit(place, `map ${joinWords([keyFrom, keyTo])} {\n${bodyOf(map)}\n}`)]
      }
      fail(`keyTo ${keyTo} not found in conf`)
    },
  }
}

function describe(node: Directive): MapFields {
  const entries = [...directives(node.block!)]
  return {
    keyFrom: node.args[0] ?? '',
    keyTo: node.args[1] ?? '',
    values: entries
      .filter(({ args }) => args.length === 1)
      .map(({ name, args }) => ({ valueFrom: name, valueTo: args[0]! })),
    isVolatile: entries.some(({ name, args }) => name === 'volatile' && args.length === 0),
    hosnames: entries.some(({ name, args }) => name === 'hostnames' && args.length === 0),
  }
}

function bodyOf({ values, isVolatile, hosnames }: MapFields): string {
  const lines = [
    ...(isVolatile === true ? [['volatile']] : []),
    ...(hosnames === true ? [['hostnames']] : []),
    ...values.map(({ valueFrom, valueTo = '' }) => {
      if (valueFrom.trim() === '') fail('valueFrom is empty')
      return [valueFrom, valueTo]
    }),
  ]
  return lines.map(statement).join('\n')
}

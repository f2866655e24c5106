/**
 * `/api/v1/config/http_split_clients` and `…/http_split_clients_2`: the shares of variants (Annex B
 * `helper_split_clients`, `helper_split_clients_2`).
 *
 * ```text
 *   {"http":{"split_clients":{"_key":"$remote_addr $variant","blue":30,"green":70}}}
 *   {"http":{"split_clients_2":{"blue":30,"green":70}}}
 * ```
 *
 * Where there are several such blocks they are a list, and each says by `_key` which it is.
 */
import { directives, findDirective } from '../../conf/block.ts'
import type { Directive } from '../../conf/tree.ts'
import { joinWords } from '../../conf/words.ts'
import type { Declaration, DeclaredItem } from '../declaration.ts'
import type { DynamicState } from '../dynamic-state.ts'
import { placeEdit } from '../place.ts'
import { Refusal, replyCodes } from '../refusal.ts'
import { type Fields, isFields } from '../shape.ts'
import { fail, statement } from './settings.ts'

type BlockName = 'split_clients' | 'split_clients_2'

export const httpSplitClients: Declaration = shareDeclaration('http_split_clients', 'split_clients')
export const httpSplitClients2: Declaration = shareDeclaration(
  'http_split_clients_2',
  'split_clients_2',
)

/** Shares are given in percent, with two decimals at most. */
const hundredths = 100
const wholeShare = 100 * hundredths

function shareDeclaration(key: string, name: BlockName): Declaration {
  return {
    key,
    schema: {
      type: 'object',
      properties: {
        http: {
          type: 'object',
          // One block, or a list of them.
          properties: { [name]: { description: 'Percent by value; `_key` says which block.' } },
          examples: [{ [name]: { ...(name === 'split_clients' && { _key: '$v' }), a: 30, b: 70 } }],
        },
      },
    },
    dump: (state) => ({ http: dump(state, name) }),
    items: (document) => {
      const http = document['http'] as Fields | undefined
      if (http === undefined) invalid('http field is required')
      const given = http[name]
      if (given === undefined) invalid(`${name} field is required`)
      const blocks: readonly unknown[] = Array.isArray(given) ? given : [given]
      return blocks.map((block) => {
        if (!isFields(block)) invalid(`"http.${name}" must be an object`)
        return toItem(block, name)
      })
    },
  }
}

function dump({ tree }: DynamicState, name: BlockName): Fields {
  const blocks = blocksIn(tree, name)
  const [only, ...others] = blocks
  if (only === undefined) return {}
  // The only block of shares by chance needs no name, and clients expect none.
  const named = others.length > 0 || name === 'split_clients'
  const described = blocks.map((node) => ({
    ...(named && { _key: joinWords(node.args) }),
    ...sharesOf(node),
  }))
  return { [name]: others.length > 0 ? described : described[0] }
}

function blocksIn(tree: Directive, name: BlockName): readonly Directive[] {
  const block = findDirective(tree.block, 'http')?.block
  if (block === undefined) return []
  return [...directives(block)].filter((node) => node.name === name && node.block !== undefined)
}

/** `*` has what the others leave. */
function sharesOf(node: Directive): Readonly<Record<string, number>> {
  const shares: Record<string, number> = {}
  let left = wholeShare
  for (const { name, args } of directives(node.block!)) {
    const share = name === '*' ? left : Math.round(Number.parseFloat(name) * hundredths)
    left -= share
    shares[args[0] ?? ''] = share / hundredths
  }
  return shares
}

function toItem({ _key: key, ...shares }: Fields, name: BlockName): DeclaredItem {
  return {
    path: name,
    edits: ({ tree }) => {
      const node = findBlock(blocksIn(tree, name), key)
      const lines = linesOf(shares, name)
      const text = `${name} ${joinWords(node.args)} {\n${lines.map(statement).join('\n')}\n}`
      return [placeEdit({ steps: [['http']], target: [name, ...node.args] }, text)]
    },
  }
}

/** The block of that variable, or of that whole heading; without a name, the only one. */
function findBlock(blocks: readonly Directive[], key: unknown): Directive {
  if (typeof key !== 'string') {
    if (blocks.length === 1) return blocks[0]!
    fail(blocks.length === 0 ? ' is not in the configuration' : ' _key is not set')
  }
  const found = blocks.find(({ args }) => joinWords(args) === key || args.at(-1) === key)
  return found ?? fail(` _key "${key}" is not in the configuration`)
}

function linesOf(shares: Fields, name: BlockName): readonly (readonly string[])[] {
  let sum = 0
  const lines: string[][] = []
  for (const [value, percent] of Object.entries(shares)) {
    const share = Math.round(Number(percent) * hundredths)
    if (typeof percent !== 'number' || share < 0 || share > wholeShare) {
      fail(` percentage of "${value}" should be from 0 to 100`)
    }
    sum += share
    // A hash has no line for nobody.
    if (share > 0 || name === 'split_clients_2') lines.push([`${share / hundredths}%`, value])
  }
  if (sum !== wholeShare) fail(' total percentage should be 100')
  return lines
}

function invalid(msg: string): never {
  throw new Refusal(replyCodes.invalidJson, msg)
}

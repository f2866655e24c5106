/**
 * `split_clients string $variable { … }`: a variable whose value depends on a hash of a text, in given shares.
 *
 * The hash is MurmurHash2 (32 bits, seed 0) and the shares are cut from its range as in nginx, so that a
 * client sees the same variant from either.
 */
import { directives } from '../conf/block.ts'
import { ConfError } from '../conf/diagnostics.ts'
import type { Directive } from '../conf/tree.ts'
import type { BlockRow, Context } from '../core/module.ts'
import type { VariableBlockEnv } from './captures.ts'

interface Part {
  /** Hashes below this take the part; the last part takes the rest. Values are plain texts, as in nginx. */
  readonly below: number
  readonly value: string
}

const hashRange = 0xffff_ffff
/** Shares have two decimals: 100% is 10000. */
const wholeShare = 10_000

export function splitClientsBlockRow(context: Context): BlockRow {
  return {
    contexts: [context],
    args: [2, 2],
    syntax: 'split_clients string $variable { ... }',
    opens: 'free',
    repeated: true,
    doc: 'Creates a variable that splits clients into shares by a hash of a text.',
  }
}

export function defineSplitClients(
  node: Directive,
  { session, variables }: VariableBlockEnv,
): void {
  session.attempt(node, () => {
    const source = variables.complex(node.args[0]!, node)
    const parts = parseParts(node)
    variables.define(node.args[1]!, {
      get: (host) => {
        const hash = murmurHash2(Buffer.from(source.evaluate(host)))
        return parts.find(({ below }) => hash < below)?.value
      },
      changeable: true,
    })
  })
}

function parseParts(node: Directive): readonly Part[] {
  const parts: Part[] = []
  let sum = 0
  for (const child of directives(node.block!)) {
    if (child.args.length !== 1)
      throw new ConfError('invalid number of the split_clients parameters')
    const share = child.name === '*' ? wholeShare - sum : parseShare(child.name)
    sum += share
    if (sum > wholeShare) throw new ConfError('percent total is greater than 100%')
    const below = child.name === '*' ? Infinity : Math.floor((hashRange * sum) / wholeShare)
    parts.push({ below, value: child.args[0]! })
  }
  return parts
}

function parseShare(text: string): number {
  const match = /^(\d{1,3})(?:\.(\d{1,2}))?%$/.exec(text)
  const share =
    match === null ? 0 : Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0'))
  if (share === 0) throw new ConfError(`invalid percent value "${text}"`)
  return share
}

/** MurmurHash2 by Austin Appleby, 32 bits, seed 0. */
export function murmurHash2(data: Buffer): number {
  const multiplier = 0x5bd1e995
  let hash = data.length
  let at = 0
  for (; data.length - at >= 4; at += 4) {
    let word = Math.imul(data.readInt32LE(at), multiplier)
    word = Math.imul(word ^ (word >>> 24), multiplier)
    hash = Math.imul(hash, multiplier) ^ word
  }
  if (at < data.length) {
    for (let i = data.length - 1; i >= at; i--) hash ^= data[i]! << (8 * (i - at))
    hash = Math.imul(hash, multiplier)
  }
  hash = Math.imul(hash ^ (hash >>> 13), multiplier)
  return (hash ^ (hash >>> 15)) >>> 0
}

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

/** One line of the block. Values are plain texts, as in nginx. */
export interface Share {
  /** The shares of the lines so far, this one's included; `Infinity` for the line that takes the rest. */
  readonly upTo: number
  readonly value: string
}

const hashRange = 0xffff_ffff
/** Shares have two decimals: 100% is 10000. */
export const wholeShare = 10_000

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
    const parts = parseShares(node, false).map(({ upTo, value }) => ({
      below: upTo === Infinity ? Infinity : Math.floor((hashRange * upTo) / wholeShare),
      value,
    }))
    variables.define(node.args[1]!, {
      get: (host) => {
        const hash = murmurHash2(Buffer.from(source.evaluate(host)))
        return parts.find(({ below }) => hash < below)?.value
      },
      changeable: true,
    })
  })
}

/** The lines of a block of shares; `zero`: a line may have none, for now. */
export function parseShares(node: Directive, zero: boolean): readonly Share[] {
  const parts: Share[] = []
  let sum = 0
  for (const child of directives(node.block!)) {
    if (child.args.length !== 1)
      throw new ConfError(`invalid number of the ${node.name} parameters`)
    const rest = child.name === '*'
    sum += rest ? wholeShare - sum : parseShare(child.name, zero)
    if (sum > wholeShare) throw new ConfError('percent total is greater than 100%')
    parts.push({ upTo: rest ? Infinity : sum, value: child.args[0]! })
  }
  return parts
}

function parseShare(text: string, zero: boolean): number {
  const match = /^(\d{1,3})(?:\.(\d{1,2}))?%$/.exec(text)
  const share =
    match === null ? -1 : Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0'))
  if (share < 0 || (share === 0 && !zero)) throw new ConfError(`invalid percent value "${text}"`)
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

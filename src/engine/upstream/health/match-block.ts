/**
 * `match name { … }`: what a good answer to a check is, for `health_check … match=name`.
 *
 * In `http` it is a list of rules for a response; in `stream` what is sent and what must come back:
 *
 * ```nginx
 * match ok    { status 200; header Content-Type ~ json; body ~ '"ready":true'; }
 * match redis { send "PING\r\n"; expect "+PONG"; }
 * ```
 */
import { directives } from '../../conf/block.ts'
import { ConfError } from '../../conf/diagnostics.ts'
import type { Directive } from '../../conf/tree.ts'
import type { BlockRow } from '../../core/module.ts'
import { bodyRule, headerRule, requireRule, type ResponseRule, statusRule } from './match-rules.ts'
import { compileExpected, type Dialogue, decodeBytes } from './dialogue.ts'

export type Match =
  | { readonly kind: 'http'; readonly rules: readonly ResponseRule[] }
  | { readonly kind: 'stream'; readonly dialogue: Dialogue }

export function matchBlockRow(context: 'http' | 'stream'): BlockRow {
  return {
    contexts: [context],
    args: [1, 1],
    syntax: 'match name { ... }',
    opens: 'free',
    repeated: true,
    doc: 'Defines what a good answer to a health check is.',
  }
}

const known = new WeakMap<Directive, Match>()

/** The same object for the same block, so that who uses it sees whether it changed. Throws `ConfError`. */
export function compileMatch(node: Directive, subsystem: 'http' | 'stream'): Match {
  const match = known.get(node) ?? Object.freeze(compile(node, subsystem))
  known.set(node, match)
  return match
}

function compile(node: Directive, subsystem: 'http' | 'stream'): Match {
  const children = [...directives(node.block!)]
  if (subsystem === 'http') return { kind: 'http', rules: children.map(toRule) }
  const dialogue: { -readonly [Name in keyof Dialogue]: Dialogue[Name] } = {}
  for (const { name, args } of children) {
    if (name === 'send' && args.length === 1) dialogue.send = decodeBytes(args[0]!)
    else if (name === 'expect' && args.length > 0) dialogue.expect = compileExpected(args)
    else throw unknown(name)
  }
  return { kind: 'stream', dialogue: Object.freeze(dialogue) }
}

const ruleKinds: Readonly<Record<string, (args: readonly string[]) => ResponseRule>> = {
  status: statusRule,
  header: headerRule,
  body: bodyRule,
  require: requireRule,
}

function toRule({ name, args }: Directive): ResponseRule {
  const rule = ruleKinds[name]
  if (rule === undefined || args.length === 0) throw unknown(name)
  return rule(args)
}

function unknown(name: string): ConfError {
  return new ConfError(`invalid directive "${name}" in "match"`)
}

/**
 * `allow` and `deny`: rules in order, the first that matches decides, no match allows.
 */
import { ConfError } from '../conf/diagnostics.ts'
import type { Directive } from '../conf/tree.ts'
import type { CompileSession } from '../core/compile-session.ts'
import type { ValueType } from '../core/module.ts'
import type { Scope } from '../core/scope.ts'
import { type Address, formatHost } from '../net/address.ts'
import { cidrContains, parseCidr, parseIp, type Cidr, type IpBits } from './cidr.ts'

export interface AccessRule {
  readonly allow: boolean
  readonly from: 'all' | 'unix' | Cidr
}

/** Whether the rules let an address in. */
export function isAllowed(rules: readonly AccessRule[], address: Address): boolean {
  return judge(rules, address) ?? true
}

/** What the first rule that matches says of an address; `undefined` where none does. */
export function judge(rules: readonly AccessRule[], address: Address): boolean | undefined {
  const ip = address.family === 'unix' ? undefined : bitsOf(address)
  for (const { allow, from } of rules) {
    if (from === 'all') return allow
    const matches =
      from === 'unix' ? address.family === 'unix' : ip !== undefined && cidrContains(from, ip)
    if (matches) return allow
  }
  return undefined
}

const knownBits = new WeakMap<Address, IpBits>()

/** An address is asked about with each request of its connection, and read once. */
function bitsOf(address: Address): IpBits | undefined {
  let bits = knownBits.get(address)
  if (bits === undefined) {
    bits = parseIp(formatHost(address))
    if (bits !== undefined) knownBits.set(address, bits)
  }
  return bits
}

/** Parses the one argument of both directives. */
export function parseAccessRule(allow: boolean, text: string, onLowBits: () => void): AccessRule {
  if (text === 'all') return { allow, from: 'all' }
  if (text === 'unix:') return { allow, from: 'unix' }
  return { allow, from: parseCidr(text, onLowBits) }
}

/** One argument of `allow` or `deny`; the rules themselves come from `accessRules`, in their order. */
export const accessSource: ValueType<readonly string[]> = {
  describe: 'address | CIDR | unix: | all',
  parse: ([text = ''], { node }) => {
    parseAccessRule(node.name === 'allow', text, () => {})
    return [text]
  },
}

const rulesMemo = new WeakMap<Scope, readonly AccessRule[]>()

/** The rules in force in a block: its own in the order of the file, or where it has none the outer block's. */
export function accessRules(scope: Scope, session: CompileSession): readonly AccessRule[] {
  const known = rulesMemo.get(scope)
  if (known !== undefined) return known
  const own = scope.settings.filter(({ name }) => name === 'allow' || name === 'deny')
  const outer = scope.parent === undefined ? [] : accessRules(scope.parent, session)
  const rules = own.length === 0 ? outer : own.flatMap((node) => ruleOf(node, session))
  rulesMemo.set(scope, rules)
  return rules
}

function ruleOf(node: Directive, session: CompileSession): readonly AccessRule[] {
  const [text = ''] = node.args
  try {
    const warn = (): void => session.warn(`low address bits of ${text} are meaningless`, node)
    return [parseAccessRule(node.name === 'allow', text, warn)]
  } catch (error) {
    // The directive's own value type has refused it already.
    if (error instanceof ConfError) return []
    throw error
  }
}

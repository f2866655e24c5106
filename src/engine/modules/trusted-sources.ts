/** `set_real_ip_from`: peers that are believed when they name the address of the client. */
import { ConfError } from '../conf/diagnostics.ts'
import type { Directive } from '../conf/tree.ts'
import type { CompileSession } from '../core/compile-session.ts'
import type { ValueType } from '../core/module.ts'
import type { Scope } from '../core/scope.ts'
import { type AccessRule, parseAccessRule } from './access-rules.ts'

/** One argument of `set_real_ip_from`; the rules themselves come from `trustedSources`. */
export const trustedSource: ValueType<readonly string[]> = {
  describe: 'address | CIDR | unix:',
  parse: ([text = '']) => {
    parseTrusted(text, () => {})
    return [text]
  },
}

/** Peers that are not on the list are not believed. */
const nobodyElse: AccessRule = { allow: false, from: 'all' }

const memo = new WeakMap<Scope, readonly AccessRule[]>()

/** The peers that are trusted in a block, as rules for `isAllowed`; empty where none is named. */
export function trustedSources(scope: Scope, session: CompileSession): readonly AccessRule[] {
  const known = memo.get(scope)
  if (known !== undefined) return known
  const own = scope.own('set_real_ip_from')
  const outer = scope.parent === undefined ? [] : trustedSources(scope.parent, session)
  const rules =
    own.length === 0 ? outer : [...own.flatMap((node) => ruleOf(node, session)), nobodyElse]
  memo.set(scope, rules)
  return rules
}

function ruleOf(node: Directive, session: CompileSession): readonly AccessRule[] {
  const [text = ''] = node.args
  try {
    const warn = (): void => session.warn(`low address bits of ${text} are meaningless`, node)
    return [parseTrusted(text, warn)]
  } catch (error) {
    // The directive's own value type has refused it already.
    if (error instanceof ConfError) return []
    throw error
  }
}

function parseTrusted(text: string, onLowBits: () => void): AccessRule {
  if (text === 'all') return refuse(text)
  try {
    return parseAccessRule(true, text, onLowBits)
  } catch (error) {
    if (error instanceof ConfError) return refuse(text)
    throw error
  }
}

function refuse(text: string): never {
  throw new ConfError(`host not found in set_real_ip_from "${text}"`)
}

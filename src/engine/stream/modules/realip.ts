/** `set_real_ip_from`: the client's address is taken from the PROXY protocol header of trusted peers. */
import { ConfError } from '../../conf/diagnostics.ts'
import type { Directive } from '../../conf/tree.ts'
import type { CompileSession } from '../../core/compile-session.ts'
import type { ValueType } from '../../core/module.ts'
import type { Scope } from '../../core/scope.ts'
import { type AccessRule, isAllowed, parseAccessRule } from '../../modules/access-rules.ts'
import { concat } from '../../modules/value-types.ts'
import { formatHost } from '../../net/address.ts'
import { portOf } from '../core-variables.ts'
import { defineStreamModule, type StreamModule } from '../module.ts'
import type { Session } from '../session.ts'

export interface StreamRealipConf {
  readonly set_real_ip_from: readonly string[]
}

const trustedSource: ValueType<readonly string[]> = {
  describe: 'address | CIDR | unix:',
  parse: ([text = '']) => {
    parseTrusted(text, () => {})
    return [text]
  },
}

export const streamRealip: StreamModule<StreamRealipConf> = defineStreamModule<StreamRealipConf>({
  id: 'stream.realip',
  directives: {
    set_real_ip_from: {
      contexts: ['stream', 'stream.server'],
      args: [1, 1],
      syntax: 'set_real_ip_from address | CIDR | unix:',
      value: trustedSource,
      default: [],
      merge: concat,
      doc: 'Names peers that are trusted to tell the address of the client by PROXY protocol.',
    },
  },
  variables: {
    realip_remote_addr: {
      get: ({ facts, remote }: Session) => formatHost(facts.connectedFrom ?? remote),
    },
    realip_remote_port: {
      get: ({ facts, remote }: Session) => portOf(facts.connectedFrom ?? remote),
    },
  },
  hooks: {
    postAccept: (_conf, { scope, session }) => {
      const trusted = trustedOf(scope, session)
      if (trusted.length === 0) return undefined
      return (accepted) => {
        takeAddress(accepted, trusted)
        return 'declined'
      }
    },
  },
})

/** Peers that are not on the list are not believed. */
const nobodyElse: AccessRule = { allow: false, from: 'all' }

function takeAddress(session: Session, trusted: readonly AccessRule[]): void {
  const source = session.facts.proxyHeader?.source
  if (source === undefined || !isAllowed(trusted, session.remote)) return
  session.facts.connectedFrom = session.remote
  session.remote = source
}

const trustedMemo = new WeakMap<Scope, readonly AccessRule[]>()

function trustedOf(scope: Scope, session: CompileSession): readonly AccessRule[] {
  const known = trustedMemo.get(scope)
  if (known !== undefined) return known
  const own = scope.own('set_real_ip_from')
  const outer = scope.parent === undefined ? [] : trustedOf(scope.parent, session)
  const rules =
    own.length === 0 ? outer : [...own.flatMap((node) => ruleOf(node, session)), nobodyElse]
  trustedMemo.set(scope, rules)
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

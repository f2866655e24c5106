/** `set_real_ip_from`: the client's address is taken from the PROXY protocol header of trusted peers. */
import { type AccessRule, isAllowed } from '../../modules/access-rules.ts'
import { trustedSource, trustedSources } from '../../modules/trusted-sources.ts'
import { concat } from '../../modules/value-types.ts'
import { formatHost } from '../../net/address.ts'
import { portOf } from '../core-variables.ts'
import { defineStreamModule, type StreamModule } from '../module.ts'
import type { Session } from '../session.ts'

export interface StreamRealipConf {
  readonly set_real_ip_from: readonly string[]
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
      const trusted = trustedSources(scope, session)
      if (trusted.length === 0) return undefined
      return (accepted) => {
        takeAddress(accepted, trusted)
        return 'declined'
      }
    },
  },
})

function takeAddress(session: Session, trusted: readonly AccessRule[]): void {
  const source = session.facts.proxyHeader?.source
  if (source === undefined || !isAllowed(trusted, session.remote)) return
  session.facts.connectedFrom = session.remote
  session.remote = source
}

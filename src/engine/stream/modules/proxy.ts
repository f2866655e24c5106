/** `proxy_pass`: passes TCP connections and datagrams to upstreams. */
import { compileProxySsl, type ProxySslConf, proxySslRows } from '../../modules/proxy-ssl.ts'
import { tlsContextsOf } from '../../modules/tls-contexts.ts'
import type { Group } from '../../upstream/group.ts'
import { defineStreamModule, type StreamModule } from '../module.ts'
import { type ProxyConf, proxyRows } from '../proxy/directives.ts'
import { DatagramProxy } from '../proxy/datagram-proxy.ts'
import { compileSettings } from '../proxy/settings.ts'
import { compileTarget } from '../proxy/target.ts'
import { TcpProxy } from '../proxy/tcp-proxy.ts'
import type { Session } from '../session.ts'
import { streamCore } from './core.ts'
import { upstreamVariables } from '../proxy/variables.ts'

export const streamProxy: StreamModule<ProxyConf & ProxySslConf> = defineStreamModule<
  ProxyConf & ProxySslConf
>({
  id: 'stream.proxy',
  directives: { ...proxyRows, ...proxySslRows(['stream', 'stream.server']) },
  variables: upstreamVariables,
  hooks: {
    content: {
      directive: 'proxy_pass',
      handler: (conf, env) => {
        const { proxy_pass: pass } = conf
        if (pass === undefined) return undefined
        const target = compileTarget(pass, env)
        const { tcp_nodelay: noDelay } = env.scope.conf(streamCore)
        const contexts = tlsContextsOf(env.services.zoneMemory)
        const tls = conf.proxy_ssl
          ? compileProxySsl<Session>(conf, contexts, {
              target: (session) => pass.evaluate(session),
            })
          : undefined
        const settings = compileSettings(conf, noDelay, tls)
        const start = (session: Session, group: Group): void => {
          if (session.protocol === 'TCP') new TcpProxy(session, settings, group).start()
          else new DatagramProxy(session, settings, group).start()
        }
        return (session) => {
          const group = target.find(session, (found) => start(session, found))
          if (group !== undefined) start(session, group)
        }
      },
    },
  },
})

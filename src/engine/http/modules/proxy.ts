/** `proxy_pass`: passes requests to other servers. */
import { type ProxySslConf, proxySslRows } from '../../modules/proxy-ssl.ts'
import { defineHttpModule, type HttpModule, outcomes } from '../module.ts'
import { checkBuffers } from '../proxy/check-buffers.ts'
import { type ProxyConf, proxyRows } from '../proxy/directives.ts'
import { startExchange } from '../proxy/exchanges.ts'
import { compileProxySettings } from '../proxy/settings.ts'
import { proxyPrefixes, proxyVariables } from '../proxy/variables.ts'

export type HttpProxyConf = ProxyConf & ProxySslConf

export const httpProxy: HttpModule<HttpProxyConf> = defineHttpModule<HttpProxyConf>({
  id: 'http.proxy',
  directives: { ...proxyRows, ...proxySslRows(['http', 'http.server', 'http.location']) },
  variables: proxyVariables,
  prefixes: proxyPrefixes,
  gateway: true,
  check: (scope, session) => checkBuffers(scope.conf(httpProxy), scope, session),
  hooks: {
    content: (conf, env) => {
      if (conf.proxy_pass === undefined) return undefined
      const settings = compileProxySettings(conf, env)
      return (request) => {
        startExchange(request, settings)
        return outcomes.done
      }
    },
  },
})

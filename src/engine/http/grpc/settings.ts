/** The settings of `grpc_pass` as its requests use them. */
import { ConfError } from '../../conf/diagnostics.ts'
import type { LocationEnv } from '../module.ts'
import { withContext } from '../modules/opentelemetry.ts'
import { compileProxySettings, type PassDialect, type ProxySettings } from '../proxy/settings.ts'
import { type GrpcConf, toPassConf } from './directives.ts'
import { parseGrpcUrl } from './grpc-url.ts'
import { RequestBlock } from './request-block.ts'

export interface GrpcSettings extends ProxySettings {
  /** Composes the header block of the requests. */
  readonly block: RequestBlock
}

const dialect: PassDialect = {
  directive: 'grpc_pass',
  alpn: ['h2'],
  version: '2',
  parse: parseGrpcUrl,
  read: parseGrpcUrl,
}

export function compileGrpcSettings(conf: GrpcConf, env: LocationEnv): GrpcSettings {
  try {
    const settings = compileProxySettings(toPassConf(conf), env, dialect)
    return {
      ...settings,
      // Where a group serves proxy_pass as well, the connections of one are not the other's.
      poolKey: `grpc ${settings.poolKey}`,
      bindsAddress: true,
      block: new RequestBlock(withContext(conf.grpc_set_header, env.scope)),
    }
  } catch (error) {
    if (!(error instanceof ConfError)) throw error
    // What is wrong is wrong with the directive of this name.
    throw new ConfError(error.message.replaceAll('proxy_ssl_', 'grpc_ssl_'))
  }
}

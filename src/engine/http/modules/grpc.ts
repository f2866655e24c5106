/** `grpc_pass`: passes requests to gRPC servers, over HTTP/2. */
import { type GrpcConf, grpcRows } from '../grpc/directives.ts'
import { compileGrpcSettings } from '../grpc/settings.ts'
import { grpcWire } from '../grpc/wire.ts'
import { defineHttpModule, type HttpModule, outcomes } from '../module.ts'
import { startExchange } from '../proxy/exchanges.ts'

export const httpGrpc: HttpModule<GrpcConf> = defineHttpModule<GrpcConf>({
  id: 'http.grpc',
  directives: grpcRows,
  gateway: true,
  hooks: {
    content: (conf, env) => {
      if (conf.grpc_pass === undefined) return undefined
      const settings = compileGrpcSettings(conf, env)
      return (request) => {
        startExchange(request, settings, grpcWire)
        return outcomes.done
      }
    },
  },
})

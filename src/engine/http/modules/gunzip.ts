/** `gunzip`: unpacks what comes packed, for clients that cannot. */
import { flag } from '../../modules/value-types.ts'
import { createGunzipFilter } from '../compression/formats.ts'
import { takesGzip } from '../compression/gzip-rules.ts'
import { packingBuffers } from '../compression/pack-response.ts'
import { defineHttpModule, type HttpModule } from '../module.ts'
import { gzipRulesOf, httpGzip } from './gzip.ts'

export interface HttpGunzipConf {
  readonly gunzip: boolean
  readonly gunzip_buffers: number
}

const everywhere = ['http', 'http.server', 'http.location'] as const

export const httpGunzip: HttpModule<HttpGunzipConf> = defineHttpModule<HttpGunzipConf>({
  id: 'http.gunzip',
  idle: true,
  directives: {
    gunzip: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'gunzip on | off',
      value: flag,
      default: false,
      doc: 'Unpacks responses with "Content-Encoding: gzip" for clients that do not take it.',
    },
    gunzip_buffers: {
      contexts: everywhere,
      args: [2, 2],
      syntax: 'gunzip_buffers number size',
      value: packingBuffers,
      default: 0,
      doc: 'Accepted: one buffer of the process serves all responses.',
    },
  },
  hooks: {
    headerFilter: ({ gunzip }, { scope }) => {
      if (!gunzip) return undefined
      const conf = scope.conf(httpGzip)
      const rules = gzipRulesOf(conf)
      return (request) => {
        const { response } = request
        if (response.get('content-encoding')?.toLowerCase() !== 'gzip') return
        response.varies ||= conf.gzip_vary
        if (takesGzip(request, rules)) return
        response.remove('content-encoding')
        response.changeBody()
        if (!response.headOnly) request.filterBody(createGunzipFilter(request))
      }
    },
  },
})

/** `gzip_static`: files that were packed beforehand. */
import { oneOf } from '../../modules/value-types.ts'
import { takesGzip } from '../compression/gzip-rules.ts'
import { defineHttpModule, type HttpModule } from '../module.ts'
import { servePackedFile } from '../packed-file.ts'
import { httpFiles, openerOf } from './files.ts'
import { gzipRulesOf, httpGzip } from './gzip.ts'

export interface HttpGzipStaticConf {
  readonly gzip_static: 'on' | 'off' | 'always'
}

export const httpGzipStatic: HttpModule<HttpGzipStaticConf> = defineHttpModule<HttpGzipStaticConf>({
  id: 'http.gzip_static',
  idle: true,
  directives: {
    gzip_static: {
      contexts: ['http', 'http.server', 'http.location'],
      args: [1, 1],
      syntax: 'gzip_static on | off | always',
      value: oneOf('on', 'off', 'always'),
      default: 'off',
      doc: 'Sends a file with ".gz" behind its name instead, where there is one.',
    },
  },
  hooks: {
    fallbackContent: ({ gzip_static: mode }, env) => {
      if (mode === 'off') return undefined
      const gzip = env.scope.conf(httpGzip)
      const gzipRules = gzipRulesOf(gzip)
      const rules = {
        etag: env.scope.conf(httpFiles).etag,
        ranges: false,
        opener: openerOf(env),
        ending: '.gz',
        coding: 'gzip',
        always: mode === 'always',
        varies: gzip.gzip_vary,
        takes: (request: Parameters<typeof takesGzip>[0]) => takesGzip(request, gzipRules),
      }
      return (request) => servePackedFile(request, rules)
    },
  },
})

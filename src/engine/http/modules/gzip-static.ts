/** `gzip_static`: files that were packed beforehand. */
import { oneOf } from '../../modules/value-types.ts'
import { takesGzip } from '../compression/gzip-rules.ts'
import { defineHttpModule, type Handler, type HttpModule, type LocationEnv } from '../module.ts'
import { type PackedFileRules, servePackedFile } from '../packed-file.ts'
import { httpFiles, openerOf } from './files.ts'
import { gzipRulesOf, httpGzip } from './gzip.ts'

/** `always`: to everybody, whether the client says that it takes it or not. */
export type PackedFileMode = 'on' | 'off' | 'always'

export interface HttpGzipStaticConf {
  readonly gzip_static: PackedFileMode
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
      const rules = gzipRulesOf(env.scope.conf(httpGzip))
      const takes: PackedFileRules['takes'] = (request) => takesGzip(request, rules)
      return composePackedFiles(mode, env, { ending: '.gz', coding: 'gzip', takes })
    },
  },
})

/** The handler of a format, for all modules that have one. */
export function composePackedFiles(
  mode: PackedFileMode,
  env: LocationEnv,
  format: Pick<PackedFileRules, 'ending' | 'coding' | 'takes'>,
): Handler | undefined {
  if (mode === 'off') return undefined
  const rules: PackedFileRules = {
    ...format,
    etag: env.scope.conf(httpFiles).etag,
    ranges: false,
    opener: openerOf(env),
    always: mode === 'always',
    varies: env.scope.conf(httpGzip).gzip_vary,
  }
  return (request) => servePackedFile(request, rules)
}

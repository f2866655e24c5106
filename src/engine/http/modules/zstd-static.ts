/** `zstd_static`: files that were packed beforehand. */
import { oneOf } from '../../modules/value-types.ts'
import { acceptsCoding } from '../compression/accept-encoding.ts'
import { defineHttpModule, type HttpModule } from '../module.ts'
import type { PackedFileRules } from '../packed-file.ts'
import { composePackedFiles, type PackedFileMode } from './gzip-static.ts'

export interface HttpZstdStaticConf {
  readonly zstd_static: PackedFileMode
}

const takes: PackedFileRules['takes'] = (request) =>
  request.parent === undefined && acceptsCoding(request, 'zstd')

export const httpZstdStatic: HttpModule<HttpZstdStaticConf> = defineHttpModule<HttpZstdStaticConf>({
  id: 'http.zstd_static',
  idle: true,
  loadNames: ['http_zstd_static_module'],
  directives: {
    zstd_static: {
      contexts: ['http', 'http.server', 'http.location'],
      args: [1, 1],
      syntax: 'zstd_static on | off | always',
      value: oneOf('on', 'off', 'always'),
      default: 'off',
      doc: 'Sends a file with ".zst" behind its name instead, where there is one.',
    },
  },
  hooks: {
    fallbackContent: ({ zstd_static: mode }, env) =>
      composePackedFiles(mode, env, { ending: '.zst', coding: 'zstd', takes }),
  },
})

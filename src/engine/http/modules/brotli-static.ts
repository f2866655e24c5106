/** `brotli_static`: files that were packed beforehand. */
import { oneOf } from '../../modules/value-types.ts'
import { acceptsCoding } from '../compression/accept-encoding.ts'
import { defineHttpModule, type HttpModule } from '../module.ts'
import type { PackedFileRules } from '../packed-file.ts'
import { composePackedFiles, type PackedFileMode } from './gzip-static.ts'

export interface HttpBrotliStaticConf {
  readonly brotli_static: PackedFileMode
}

const takes: PackedFileRules['takes'] = (request) =>
  request.parent === undefined && acceptsCoding(request, 'br')

export const httpBrotliStatic: HttpModule<HttpBrotliStaticConf> =
  defineHttpModule<HttpBrotliStaticConf>({
    id: 'http.brotli_static',
    idle: true,
    loadNames: ['http_brotli_static_module'],
    directives: {
      brotli_static: {
        contexts: ['http', 'http.server', 'http.location'],
        args: [1, 1],
        syntax: 'brotli_static on | off | always',
        value: oneOf('on', 'off', 'always'),
        default: 'off',
        doc: 'Sends a file with ".br" behind its name instead, where there is one.',
      },
    },
    hooks: {
      fallbackContent: ({ brotli_static: mode }, env) =>
        composePackedFiles(mode, env, { ending: '.br', coding: 'br', takes }),
    },
  })

/** Where bodies of requests are kept while somebody needs them whole. */
import { join } from 'node:path'
import { ConfError } from '../../conf/diagnostics.ts'
import { parseNumber } from '../../conf/units.ts'
import type { ValueType } from '../../core/module.ts'
import { flag } from '../../modules/value-types.ts'
import type { Location } from '../location.ts'
import { defineHttpModule, type HttpModule } from '../module.ts'
import type { BodyStorage } from '../stored-body.ts'

interface TempPath {
  readonly folder: string
  /** Digits of the names of the folders below it. */
  readonly levels: readonly number[]
}

export interface HttpRequestBodyConf {
  readonly client_body_temp_path: TempPath | undefined
  readonly client_body_in_file_only: BodyStorage['inFile']
  readonly client_body_in_single_buffer: boolean
}

const contexts = ['http', 'http.server', 'http.location'] as const
const usualFolder = 'client_body_temp'
const tempPath: ValueType<TempPath> = {
  describe: 'path [level1 [level2 [level3]]]',
  parse: ([path = '', ...levels], env) => ({
    folder: env.prefixPath(path),
    levels: levels.map((text) => parseLevel(text, env.node.name)),
  }),
}

function parseLevel(text: string, directive: string): number {
  const digits = parseNumber(text) ?? 0
  if (digits === 0) throw new ConfError(`"${directive}" directive invalid value`)
  return digits
}

const inFile: ValueType<BodyStorage['inFile']> = {
  describe: 'on | clean | off',
  parse: ([text = '']) => {
    const kind = kinds.get(text.toLowerCase())
    if (kind === undefined) throw new ConfError(`invalid value "${text}"`)
    return kind
  },
}

const kinds: ReadonlyMap<string, BodyStorage['inFile']> = new Map([
  ['on', 'keep'],
  ['clean', 'clean'],
  ['off', 'off'],
])

export const httpRequestBody: HttpModule<HttpRequestBodyConf> =
  defineHttpModule<HttpRequestBodyConf>({
    id: 'http.requestBody',
    directives: {
      client_body_temp_path: {
        contexts,
        args: [1, 4],
        syntax: 'client_body_temp_path path [level1 [level2 [level3]]]',
        value: tempPath,
        default: undefined,
        doc: 'Sets the folder for bodies that are longer than their buffer.',
      },
      client_body_in_file_only: {
        contexts,
        args: [1, 1],
        syntax: 'client_body_in_file_only on | clean | off',
        value: inFile,
        default: 'off',
        doc: 'Keeps every body in a file, which stays ("on") or goes ("clean") with its request.',
      },
      client_body_in_single_buffer: {
        contexts,
        args: [1, 1],
        syntax: 'client_body_in_single_buffer on | off',
        value: flag,
        default: false,
        doc: 'Accepted: what is in memory of a body is always in one piece.',
      },
    },
  })

const storages = new WeakMap<Location, BodyStorage>()

/** How a location keeps bodies; for `readWhole`. */
export function bodyStorageOf(location: Location): BodyStorage {
  const known = storages.get(location)
  if (known !== undefined) return known
  const conf = location.scope.conf(httpRequestBody)
  const place = conf.client_body_temp_path
  const storage = Object.freeze({
    bufferBytes: location.core.client_body_buffer_size,
    folder: place?.folder ?? join(location.root.prefix, usualFolder),
    levels: place?.levels ?? [],
    inFile: conf.client_body_in_file_only,
  })
  storages.set(location, storage)
  return storage
}

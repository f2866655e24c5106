/**
 * Files: `root`, `alias`, `try_files`, and what is served from them where no other module takes a location.
 */
import { bySettings } from '../by-settings.ts'
import { ConfError } from '../../conf/diagnostics.ts'
import { numberArgument, parseNumber, parseTimeSeconds } from '../../conf/units.ts'
import type { CompileSession } from '../../core/compile-session.ts'
import { type ComplexValue, constantValue } from '../../core/complex-value.ts'
import type { ValueEnv, ValueType } from '../../core/module.ts'
import type { Scope } from '../../core/scope.ts'
import { flag, oneOf, timeMs } from '../../modules/value-types.ts'
import { fileSystem } from '../../net/create-file-system.ts'
import { serveFile } from '../file-content.ts'
import { FileOpener } from '../file-opener.ts'
import { defineHttpModule, type HttpEnv, type HttpModule, type LocationEnv } from '../module.ts'
import { OpenFileCache, type OpenFileCacheSpec } from '../open-file-cache.ts'
import { tryFiles, type TryFiles, tryFilesType } from '../try-files.ts'

export interface HttpFilesConf {
  readonly root: ComplexValue
  readonly alias: ComplexValue | undefined
  readonly try_files: TryFiles | undefined
  readonly etag: boolean
  readonly disable_symlinks: 'off' | 'outside'
  readonly open_file_cache: OpenFileCacheSpec | undefined
  readonly open_file_cache_valid: number
  readonly open_file_cache_min_uses: number
  readonly open_file_cache_errors: boolean
}

const everywhere = ['http', 'http.server', 'http.location'] as const
const inLocations = [...everywhere, 'http.location.if'] as const

/** A folder or file; relative ones are taken from the prefix. */
const path: ValueType<ComplexValue> = {
  describe: 'path',
  parse: ([text = ''], env) => parsePath(text, env),
}

function parsePath(text: string, env: ValueEnv): ComplexValue {
  if (/\$(?:document_root|realpath_root)\b|\$\{(?:document_root|realpath_root)\}/.test(text)) {
    const name = text.includes('document_root') ? 'document_root' : 'realpath_root'
    throw new ConfError(`the $${name} variable cannot be used in the "${env.node.name}" directive`)
  }
  const value = env.complex(text)
  return value.constant === undefined
    ? value
    : constantValue(env.prefixPath(value.constant) + tail(text))
}

/** A slash at the end means something to `alias`; making a path absolute takes it away. */
function tail(text: string): string {
  return text.length > 1 && text.endsWith('/') ? '/' : ''
}

const usualRoot = 'html'
const inactiveDefaultMs = 60_000

const cacheSpec: ValueType<OpenFileCacheSpec | undefined> = {
  describe: 'off | max=number [inactive=time]',
  parse: (args, { node }) => {
    let max = 0
    let inactiveMs = inactiveDefaultMs
    for (const text of args) {
      if (text === 'off' && args.length === 1) return undefined
      const [name, value = ''] = split(text)
      const number = name === 'max' ? parseNumber(value) : undefined
      const seconds = name === 'inactive' ? parseTimeSeconds(value) : undefined
      if (number !== undefined && number > 0) max = number
      else if (seconds !== undefined) inactiveMs = seconds * 1000
      else throw new ConfError(`invalid "${node.name}" parameter "${text}"`)
    }
    if (max === 0) throw new ConfError(`"${node.name}" must have the "max" parameter`)
    return Object.freeze({ max, inactiveMs })
  },
}

function split(text: string): readonly [string, string?] {
  const at = text.indexOf('=')
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

const minUses: ValueType<number> = {
  describe: 'number',
  parse: ([text = ''], { node }) => numberArgument(node.name, text),
}

export const httpFiles: HttpModule<HttpFilesConf> = defineHttpModule<HttpFilesConf>({
  id: 'http.files',
  directives: {
    root: {
      contexts: inLocations,
      args: [1, 1],
      syntax: 'root path',
      value: path,
      default: constantValue(usualRoot),
      doc: 'Sets the folder under which the path of a request is looked for.',
    },
    alias: {
      contexts: ['http.location'],
      args: [1, 1],
      syntax: 'alias path',
      value: path,
      default: undefined,
      doc: "Puts a path in the place of the location's prefix.",
    },
    try_files: {
      contexts: ['http.server', 'http.location'],
      args: [2, Infinity],
      syntax: 'try_files file ... uri | =code',
      value: tryFilesType,
      default: undefined,
      inherited: false,
      doc: 'Serves the first file that exists, or goes to the last parameter.',
    },
    etag: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'etag on | off',
      value: flag,
      default: true,
      doc: 'Adds an "ETag" to files.',
    },
    disable_symlinks: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'disable_symlinks off | outside',
      value: oneOf('off', 'outside'),
      default: 'outside',
      doc: 'Refuses files that symbolic links put outside of the root; "off" follows them anywhere.',
    },
    open_file_cache: {
      contexts: everywhere,
      args: [1, 2],
      syntax: 'open_file_cache off | max=number [inactive=time]',
      value: cacheSpec,
      default: undefined,
      doc: 'Keeps descriptors and facts of files that are asked for often.',
    },
    open_file_cache_valid: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'open_file_cache_valid time',
      value: timeMs,
      default: inactiveDefaultMs,
      doc: 'Sets after what time a file in the cache is looked at again.',
    },
    open_file_cache_min_uses: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'open_file_cache_min_uses number',
      value: minUses,
      default: 1,
      doc: 'Sets after how many uses the descriptor of a file stays open.',
    },
    open_file_cache_errors: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'open_file_cache_errors on | off',
      value: flag,
      default: false,
      doc: 'Remembers also that a file is not there.',
    },
  },
  check: checkRoots,
  hooks: {
    precontent: (conf, env) => {
      const { try_files: files } = conf
      if (files === undefined) return undefined
      const opener = openerOf(env)
      return (request) => tryFiles(request, files, opener)
    },
    fallbackContent: bySettings(({ etag }, env: LocationEnv) => {
      const rules = { etag, ranges: true, opener: openerOf(env) }
      return (request) => serveFile(request, rules)
    }),
  },
})

/** Caches by the directives that ask for them. */
const caches = new WeakMap<OpenFileCacheSpec, OpenFileCache>()

const openers = new WeakMap<HttpFilesConf, FileOpener>()

/** How files are opened in a block; for all modules that open some. */
export function openerOf({ scope, services }: Pick<HttpEnv, 'scope' | 'services'>): FileOpener {
  const conf = scope.conf(httpFiles)
  return openers.getOrInsertComputed(conf, () => createOpener(conf, services))
}

function createOpener(conf: HttpFilesConf, services: HttpEnv['services']): FileOpener {
  const spec = conf.open_file_cache
  let cache = spec && caches.get(spec)
  if (spec !== undefined && cache === undefined) {
    const { timers, transport } = services
    cache = new OpenFileCache(spec, { files: fileSystem(), timers, clock: transport.clock })
    caches.set(spec, cache)
  }
  return new FileOpener({
    inside: conf.disable_symlinks === 'outside',
    cache,
    rules: {
      validMs: conf.open_file_cache_valid,
      minUses: conf.open_file_cache_min_uses,
      errors: conf.open_file_cache_errors,
    },
  })
}

/** `root` and `alias` are two ways to say one thing. */
function checkRoots(scope: Scope, session: CompileSession): void {
  const own = scope.settings.filter(({ name }) => name === 'root' || name === 'alias')
  const [first, ...more] = own
  for (const node of more) {
    session.fail(
      node.name === first!.name
        ? `"${node.name}" directive is duplicate`
        : `"${node.name}" directive is duplicate, "${first!.name}" directive was specified earlier`,
      node,
    )
  }
}

/**
 * Files: `root`, `alias`, `index`, `try_files`, and what is served from them where no other module takes a
 * location.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import { type ComplexValue, constantValue } from '../../core/complex-value.ts'
import type { CompileSession } from '../../core/compile-session.ts'
import type { ValueEnv, ValueType } from '../../core/module.ts'
import type { Scope } from '../../core/scope.ts'
import { complexValue, flag, oneOf } from '../../modules/value-types.ts'
import { serveFile } from '../file-content.ts'
import { findIndex } from '../file-index.ts'
import { defineHttpModule, type HttpModule } from '../module.ts'
import { tryFiles, type TryFiles, tryFilesType } from '../try-files.ts'

export interface HttpFilesConf {
  readonly root: ComplexValue
  readonly alias: ComplexValue | undefined
  readonly index: readonly ComplexValue[]
  readonly try_files: TryFiles | undefined
  readonly etag: boolean
  readonly if_modified_since: 'off' | 'exact' | 'before'
  readonly disable_symlinks: 'off' | 'outside'
}

const everywhere = ['http', 'http.server', 'http.location'] as const

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

export const httpFiles: HttpModule<HttpFilesConf> = defineHttpModule<HttpFilesConf>({
  id: 'http.files',
  directives: {
    root: {
      contexts: everywhere,
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
    index: {
      contexts: everywhere,
      args: [1, Infinity],
      syntax: 'index file ...',
      value: {
        describe: 'file ...',
        parse: (args, env) => args.map((text) => complexValue.parse([text], env)),
      },
      default: [constantValue('index.html')],
      merge: (lists) => lists.flat(),
      doc: 'Sets files that stand for a folder.',
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
    if_modified_since: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'if_modified_since off | exact | before',
      value: oneOf('off', 'exact', 'before'),
      default: 'exact',
      doc: 'Sets how the time of a file is compared with "If-Modified-Since".',
    },
    disable_symlinks: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'disable_symlinks off | outside',
      value: oneOf('off', 'outside'),
      default: 'outside',
      doc: 'Refuses files that symbolic links put outside of the root; "off" follows them anywhere.',
    },
  },
  check: checkRoots,
  hooks: {
    precontent: ({ try_files: files }) => files && ((request) => tryFiles(request, files)),
    fallbackContent: (conf) => (request) =>
      request.uri.endsWith('/') ? findIndex(request, conf.index) : serveFile(request, conf),
  },
})

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

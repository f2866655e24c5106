/** `try_files file ... uri | =code`: the first that exists. */
import { ConfError } from '../conf/diagnostics.ts'
import { parseNumber } from '../conf/units.ts'
import type { ComplexValue } from '../core/complex-value.ts'
import type { ValueType } from '../core/module.ts'
import type { FileOpener } from './file-opener.ts'
import { documentRoot } from './file-path.ts'
import { outcomes } from './module.ts'
import type { Request } from './request.ts'

interface Candidate {
  readonly path: ComplexValue
  /** Written with a slash at its end: a folder is looked for. */
  readonly folder: boolean
}

export interface TryFiles {
  readonly candidates: readonly Candidate[]
  /** What is done when none exists: a status, or an internal redirect. */
  readonly last: number | ComplexValue
}

const codeMax = 999

export const tryFilesType: ValueType<TryFiles> = {
  describe: 'file ... uri | =code',
  parse: (args, env) => ({
    candidates: args.slice(0, -1).map((text) => toCandidate(text, (path) => env.complex(path))),
    last: parseLast(args.at(-1)!, (path) => env.complex(path)),
  }),
}

function toCandidate(text: string, complex: (text: string) => ComplexValue): Candidate {
  const folder = text.endsWith('/')
  return { path: complex(folder ? text.slice(0, -1) : text), folder }
}

function parseLast(text: string, complex: (text: string) => ComplexValue): number | ComplexValue {
  if (!text.startsWith('=')) return complex(text)
  const code = parseNumber(text.slice(1))
  if (code === undefined || code > codeMax) throw new ConfError(`invalid code "${text}"`)
  return code
}

export function tryFiles(
  request: Request,
  { candidates, last }: TryFiles,
  opener: FileOpener,
): number {
  const { cut, whole } = request.location.root
  for (const { path, folder } of candidates) {
    const text = path.evaluate(request)
    const aliased = cut > 0 && !whole
    const rest = aliased && path.constant === undefined ? withoutPrefix(request, text) : text
    const file = documentRoot(request) + rest
    const found = opener.look(request, file)
    if (typeof found === 'number' || (found === 'folder') !== folder) continue
    request.uri = aliased ? prefixOf(request) + rest : rest
    return outcomes.next
  }
  if (typeof last === 'number') return last
  const target = last.evaluate(request)
  if (target.startsWith('@')) return request.redirectToNamed(target)
  const query = target.indexOf('?')
  return query < 0
    ? request.redirect(target, '')
    : request.redirect(target.slice(0, query), target.slice(query + 1))
}

/** With an alias, "$uri" begins with what the alias stands for. */
function withoutPrefix(request: Request, text: string): string {
  const prefix = prefixOf(request)
  return text.startsWith(prefix) ? text.slice(prefix.length) : text
}

function prefixOf({ location }: Request): string {
  return location.pattern?.text ?? ''
}

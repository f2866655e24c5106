/**
 * The project's own files as text, and what the sources among them import and export.
 */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Not ours, or made by a run. */
const foreign = /(^|\/)(node_modules|dist|\.git)(\/|$)|^(data|logs|bench\/results)(\/|$)/

export interface Source {
  /** From the root of the project: `src/engine/conf/tree.ts`. */
  readonly path: string
  readonly text: string
  /** Paths that relative imports name, dynamic and type-only ones too. */
  readonly imports: readonly string[]
  /** Paths that `new URL('…', import.meta.url)` names: programs to start, folders to read. */
  readonly urls: readonly string[]
  /** Specifiers of packages: `node:fs`, `mqtt`. */
  readonly packages: readonly string[]
}

/** Paths of the project's files that match, sorted. */
export function projectFiles(...patterns: readonly string[]): string[] {
  const exclude = (path: string): boolean => foreign.test(path)
  return globSync([...patterns], { cwd: root, exclude }).sort()
}

export function readProjectFile(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

const importPattern =
  /(?:^|[;\s])(?:import|export)\s(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm
const urlPattern = /new URL\('(\.[^']+)'/g

export function readSource(path: string): Source {
  const text = readProjectFile(path)
  const code = withoutComments(text)
  const specifiers = [...code.matchAll(importPattern)].map(
    ([, plain, dynamic]) => plain ?? dynamic!,
  )
  const urls = [...code.matchAll(urlPattern)].map(([, url]) => url!)
  const toPath = (specifier: string): string => join(dirname(path), specifier)
  return {
    path,
    text,
    imports: specifiers.filter(isRelative).map(toPath),
    urls: urls.map(toPath),
    packages: specifiers.filter((specifier) => !isRelative(specifier)),
  }
}

function isRelative(specifier: string): boolean {
  return specifier.startsWith('.')
}

/** Cuts comments that stand on lines of their own; examples in them are not imports. */
export function withoutComments(text: string): string {
  return text.replaceAll(/^\s*\/\*[^]*?\*\//gm, '').replaceAll(/^\s*\/\/.*$/gm, '')
}

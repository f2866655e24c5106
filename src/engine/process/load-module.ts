/**
 * `load_module`: what its argument names, and what that brings.
 *
 * ```text
 *   modules/njt_stream_dyn_server_module.so    a built-in: folder, njt_ or ngx_ and .so do not count
 *   conf/modules/hello.ts                      a file below the prefix with `export const module`
 *   @acme/trijet-hello                         an npm package with the same export
 * ```
 */
import { directives } from '../conf/block.ts'
import { ConfError, type Diagnostic } from '../conf/diagnostics.ts'
import { type Directive, reportedAt } from '../conf/tree.ts'
import { loadName } from '../control/loaded-modules.ts'
import { contentDigest, versionedUrl } from '../core/file-dependencies.ts'
import type { AnyModule } from '../core/module.ts'
import { builtInModules, builtInNames } from './built-ins.ts'
import { fileOf } from './program-file.ts'

export interface LoadedModules {
  /** Those that are always there and those that were asked for. */
  readonly modules: readonly AnyModule[]
  readonly diagnostics: readonly Diagnostic[]
}

/** Blocks after whose first appearance nginx takes no more modules. */
const closing: ReadonlySet<string> = new Set(['events', 'http', 'stream', 'mail'])

/** Follows the `load_module` directives of a tree. */
export async function loadModules(
  tree: Directive,
  prefix: string,
  builtIn: readonly AnyModule[] = builtInModules,
): Promise<LoadedModules> {
  const modules = new Set(builtIn.filter(({ mustBeLoaded }) => mustBeLoaded !== true))
  const diagnostics: Diagnostic[] = []
  let closed = false
  for (const node of directives(tree.block!)) {
    closed ||= closing.has(node.name)
    if (node.name !== 'load_module' || node.args.length !== 1) continue
    try {
      if (closed) throw new ConfError('"load_module" directive is specified too late')
      for (const module of await resolveModule(node.args[0]!, prefix)) modules.add(module)
    } catch (error) {
      if (!(error instanceof ConfError)) throw error
      diagnostics.push({ severity: 'emerg', message: error.message, at: reportedAt(node) })
    }
  }
  return { modules: [...modules], diagnostics }
}

/** Modules that one argument stands for; a built-in that is always there stands for none. */
async function resolveModule(text: string, prefix: string): Promise<readonly AnyModule[]> {
  const name = loadName(text)
  const found = builtInModules.filter(({ loadNames }) => loadNames?.includes(name) === true)
  if (found.length > 0) return found
  if (builtInNames.has(name)) return []
  const { module } = await importOf(text, prefix)
  if (!isModule(module)) throw new ConfError(`module "${text}" has no export "module"`)
  return [module]
}

/**
 * Imports what a path or package name stands for, anew when its content is another; throws `ConfError` as
 * nginx words it.
 */
async function importOf(text: string, prefix: string): Promise<Record<string, unknown>> {
  const path = fileOf(text, prefix)
  try {
    const url = versionedUrl(path, contentDigest(path))
    return (await import(url)) as Record<string, unknown>
  } catch (error) {
    throw new ConfError(`dlopen() "${path}" failed (${(error as Error).message})`)
  }
}

function isModule(value: unknown): value is AnyModule {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'module'
}

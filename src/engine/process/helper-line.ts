/**
 * `helper <tag> <module> [conf];`: which program a line stands for, and whether it may run.
 *
 * ```text
 *   helper broker modules/njt_helper_broker_module.so conf/mqtt.conf;   built in, by name
 *   helper demo   copilots/demo.ts conf/demo.conf;                      a file with `export const copilot`
 *   helper acme   @acme/trijet-copilot;                                 an npm package with the same export
 *   helper gocop  /usr/local/bin/gocop conf/gocop.conf;                 an executable
 * ```
 */
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ConfError } from '../conf/diagnostics.ts'
import { loadName } from '../control/loaded-modules.ts'
import { builtInCopilots } from './built-in-copilots.ts'
import { copilotPath } from './entry.ts'
import type { HelperLine } from './modules/main.ts'
import { fileOf } from './program-file.ts'

/** What is run. `href` is a module to import; executables run under a copilot of ours. */
export type Program =
  | { readonly kind: 'built-in'; readonly href: string; readonly ignoreReload: boolean }
  | { readonly kind: 'module'; readonly href: string }
  | { readonly kind: 'executable'; readonly path: string }

/** Finds the program of a line; throws `ConfError` where there is none. */
export function resolveProgram({ module }: HelperLine, prefix: string): Program {
  const builtIn = builtInCopilots[loadName(module)]
  if (builtIn !== undefined) {
    const href = pathToFileURL(copilotPath(builtIn.file)).href
    return { kind: 'built-in', href, ignoreReload: builtIn.ignoreReload }
  }
  const path = resolve(prefix, module)
  if (isExecutable(path)) return { kind: 'executable', path }
  return { kind: 'module', href: pathToFileURL(fileOf(module, prefix)).href }
}

/** Absolute path of the line's configuration file, which must be there. */
export function confFileOf({ conf }: HelperLine, prefix: string): string | undefined {
  if (conf === undefined) return undefined
  const path = resolve(prefix, conf)
  if (!existsSync(path))
    throw new ConfError(`open() "${path}" failed (2: No such file or directory)`)
  return path
}

/** What tells copilots apart over reloads: the line itself. */
export function identityOf({ tag, module, conf = '' }: HelperLine): string {
  return JSON.stringify([tag, module, conf])
}

/** How processes and logs name it. */
export function titleOf({ tag, conf }: HelperLine): string {
  return `copilot process ${conf ?? tag}`
}

/** Scripts are imported, whatever their mode. */
function isExecutable(path: string): boolean {
  if (/\.[cm]?[jt]s$/.test(path)) return false
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

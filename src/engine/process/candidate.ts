/** A configuration that the master has looked at: what the workers think of it is another matter. */
import type { Diagnostic } from '../conf/diagnostics.ts'
import type { Helper } from './copilot-pool.ts'
import { checkHelpers } from './helper-check.ts'
import type { Place } from './place.ts'
import { type ReadConfiguration, readConfiguration } from './read-configuration.ts'
import { readSettings, type Settings } from './settings.ts'

export interface Candidate extends ReadConfiguration {
  readonly settings: Settings
  readonly helpers: readonly Helper[]
}

export interface Considered {
  readonly diagnostics: readonly Diagnostic[]
  /** Absent when the configuration cannot be used. */
  readonly candidate: Candidate | undefined
}

/** Reads the files, the master's own directives, and what the `helper` lines name. */
export async function consider(place: Place, globals: string): Promise<Considered> {
  const read = readConfiguration({ entry: place.entry, prefix: place.prefix, globals })
  if (read.diagnostics.length > 0) return { diagnostics: read.diagnostics, candidate: undefined }
  const { settings, diagnostics: own } = readSettings(read.tree, place)
  const { helpers, diagnostics: ofHelpers } = await checkHelpers(read.tree, place.prefix)
  const diagnostics = [...own, ...ofHelpers]
  const failed = diagnostics.some(({ severity }) => severity === 'emerg')
  return { diagnostics, candidate: failed ? undefined : { ...read, settings, helpers } }
}

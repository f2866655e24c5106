/** Reads a configuration: `-g`, the main file, and all it includes, as one tree and as texts to hand on. */
import { blockOf, directives } from '../conf/block.ts'
import type { Diagnostic } from '../conf/diagnostics.ts'
import { createDiskReader } from '../conf/file-reader.ts'
import {
  type Configuration,
  type ConfigurationFile,
  configurationFromText,
  fileTexts,
  loadConfiguration,
  loadingConfiguration,
} from '../conf/includes.ts'
import { type Stepwise, toEnd } from '../conf/stepwise.ts'
import { type Directive, withBlock } from '../conf/tree.ts'
import type { ConfigurationFiles } from './messages.ts'

/** nginx's name for the text of `-g` in messages. */
export const commandLine = 'command line'

export interface ReadConfiguration {
  readonly tree: Directive
  readonly files: ConfigurationFiles
  /** Each file as it was read, the command line first. */
  readonly parsed: ReadonlyMap<string, ConfigurationFile>
  /** In the order in which nginx would come upon them; the tree is of no use when there is an `emerg`. */
  readonly diagnostics: readonly Diagnostic[]
}

export interface ConfigurationSource {
  readonly entry: string
  readonly prefix: string
  /** Text of `-g`. */
  readonly globals: string
}

/** Reads from the disk. */
export function readConfiguration(source: ConfigurationSource): ReadConfiguration {
  return join(source, loadConfiguration(source.entry, createDiskReader()))
}

const readBefore = new WeakMap<ConfigurationFiles, ReadConfiguration>()

/** Reads what another process has read; once, however many ask for it. */
export function readTexts(files: ConfigurationFiles): ReadConfiguration {
  return toEnd(readingTexts(files))
}

/** The same in steps. */
export function* readingTexts(files: ConfigurationFiles): Stepwise<ReadConfiguration> {
  const known = readBefore.get(files)
  if (known !== undefined) return known
  const read = join(files, yield* loadingConfiguration(files.entry, files.texts))
  readBefore.set(files, read)
  return read
}

/** What the command line says stands before what the files say. */
function join(
  { entry, prefix, globals }: ConfigurationSource,
  main: Configuration,
): ReadConfiguration {
  const first = configurationFromText(globals, commandLine)
  const tree =
    first.main.block!.size === 0
      ? main.main
      : withBlock(
          main.main,
          blockOf([...directives(first.main.block!), ...directives(main.main.block!)]),
        )
  return {
    tree,
    files: { entry, prefix, globals, texts: fileTexts(main) },
    parsed: new Map([...first.files, ...main.files]),
    diagnostics: [...first.diagnostics.map(toParameter), ...main.diagnostics],
  }
}

/** A text that is no file ends as a parameter. */
function toParameter(diagnostic: Diagnostic): Diagnostic {
  const message = diagnostic.message.replace(
    'unexpected end of file',
    'unexpected end of parameter',
  )
  return { ...diagnostic, message }
}

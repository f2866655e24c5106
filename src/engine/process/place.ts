/** Where an engine lives: the folders and files that its command line says, as absolute paths. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Place {
  /** Folder of `-p`, without a slash at the end. */
  readonly prefix: string
  /** The main configuration file. */
  readonly entry: string
  /** Folder of the main configuration file. */
  readonly confPrefix: string
  /** Error log until the configuration says another, or `stderr`. */
  readonly errorLog: string
}

export interface PlaceOptions {
  readonly prefix?: string | undefined
  readonly conf?: string | undefined
  readonly errorLog?: string | undefined
}

export const confDefault = 'conf/trijet.conf'
/** Name of the file that OpenNJet reads; found, it is spoken of, never read unasked. */
export const confOfOpenNJet = 'conf/njet.conf'

/** Folder that holds this program with its own `conf` and `html`. */
export const packageFolder: string = fileURLToPath(new URL('../../..', import.meta.url)).replace(
  /\/$/,
  '',
)

export function toPlace({ prefix, conf, errorLog = 'logs/error.log' }: PlaceOptions): Place {
  const folder = prefix === undefined ? prefixDefault() : resolve(prefix)
  const entry = resolve(folder, conf ?? confDefault)
  return {
    prefix: folder,
    entry,
    confPrefix: confPrefixOf(entry),
    errorLog: errorLog === 'stderr' ? errorLog : resolve(folder, errorLog),
  }
}

/** The place of files that another process has read. */
export function placeOf({ entry, prefix }: Pick<Place, 'entry' | 'prefix'>): Place {
  const errorLog = join(prefix, 'logs/error.log')
  return { prefix, entry, confPrefix: confPrefixOf(entry), errorLog }
}

/** Folder from which the configuration's own relative paths start: that of its main file. */
export function confPrefixOf(entry: string): string {
  return dirname(entry)
}

/** The current folder where it is set up as a prefix, otherwise the program's own. */
function prefixDefault(): string {
  const here = process.cwd()
  return existsSync(join(here, confDefault)) ? here : packageFolder
}

/** The `trijet` command. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { program } from '../engine/process/announcer.ts'
import { confOfOpenNJet, type Place, toPlace } from '../engine/process/place.ts'
import { useCompileCache } from '../engine/process/entry.ts'
import { type Options, OptionError, parseOptions } from './options.ts'

useCompileCache()

process.exitCode = await main(process.argv.slice(2))
// A command that has done its work ends, whatever a library keeps open.
if (process.exitCode !== undefined) process.exit()

async function main(words: readonly string[]): Promise<number> {
  const [first, ...rest] = words
  if (first === 'help') {
    const { helpCommand } = await import('./help-command.ts')
    return helpCommand(rest)
  }
  if (first === 'ctl') {
    const { ctlCommand } = await import('./ctl-command.ts')
    return ctlCommand(rest)
  }
  try {
    return await run(parseOptions(words))
  } catch (error) {
    if (!(error instanceof OptionError)) throw error
    console.error(`${program}: ${error.message}`)
    return 1
  }
}

/** What a command does not need is not loaded: `-s` answers at once. */
async function run(options: Options): Promise<number> {
  if (options.help || options.version || options.configure) return describe(options)
  const place = toPlace(options)
  if (options.conf === undefined) adviseOpenNJet(place)
  if (options.signal !== undefined) {
    const { sendSignal } = await import('./send-signal.ts')
    const fault = sendSignal(options.signal, place, options.globals ?? '')
    if (fault !== undefined) console.error(`${program}: ${fault}`)
    return fault === undefined ? 0 : 1
  }
  if (options.test) {
    const { testCommand } = await import('./test-command.ts')
    return testCommand(options, place)
  }
  const { start } = await import('../engine/process/start.ts')
  const { onListening, onServing } = await import('./welcome.ts')
  return start({ place, globals: options.globals ?? '', onListening, onServing })
}

async function describe({ help, configure }: Options): Promise<number> {
  const { usageText, versionText, configureText } = await import('./usage.ts')
  if (help) console.error(`${versionText()}${usageText()}`)
  else console.error((configure ? configureText() : versionText()).trimEnd())
  return 0
}

/** A folder set up for OpenNJet has its configuration under another name. */
function adviseOpenNJet({ entry, prefix }: Place): void {
  const other = join(prefix, confOfOpenNJet)
  if (existsSync(entry) || !existsSync(other)) return
  console.error(`${program}: there is no ${entry}; to run on ${other} say: -c ${confOfOpenNJet}`)
}

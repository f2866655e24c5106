/**
 * `trijet ctl`: looks at a running engine and changes it, by `/api/v2/…` of its control plane.
 *
 * ```text
 *   0 done   1 refused   2 the command line is wrong   3 nobody answers   4 a token is needed, or another
 * ```
 */
import { toPlace } from '../engine/process/place.ts'
import { type Command, exitCodes } from './ctl/command.ts'
import { commands } from './ctl/commands.ts'
import { controlAt, findControl, NoControlError } from './ctl/control-address.ts'
import { ControlClient, UnreachableError } from './ctl/control-client.ts'
import { type CtlOptions, parseCtlOptions, UsageError } from './ctl/options.ts'
import { nearestWords } from './nearest-words.ts'

/** Gives the exit code. */
export async function ctlCommand(args: readonly string[]): Promise<number> {
  try {
    const options = parseCtlOptions(args, process.env)
    const [name, ...words] = options.words
    if (options.help || name === undefined) {
      out(helpText())
      return options.help ? exitCodes.done : exitCodes.usage
    }
    const command = commandOf(name)
    const stray = options.own.find((own) => command.options?.includes(own) !== true)
    if (stray !== undefined) throw new UsageError(`"${name}" has no option --${stray}`)
    return await command.run({ client: clientOf(options), options, words, out, err })
  } catch (error) {
    return codeOf(error)
  }
}

function codeOf(error: unknown): number {
  if (error instanceof UsageError) {
    err(`${error.message}; see: trijet ctl --help`)
    return exitCodes.usage
  }
  if (error instanceof NoControlError || error instanceof UnreachableError) {
    err(error.message)
    return exitCodes.unreachable
  }
  throw error
}

function commandOf(name: string): Command {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command !== undefined) return command
  const near = nearestWords(name, Object.keys(commands))
  const hint = near.length === 0 ? '' : `, did you mean ${near.join(', ')}?`
  throw new UsageError(`there is no command "${name}"${hint}`)
}

function clientOf(options: CtlOptions): ControlClient {
  const { url, prefix, conf } = options
  const address = url === undefined ? findControl(toPlace({ prefix, conf })) : controlAt(url)
  return new ControlClient(address, options)
}

function helpText(): string {
  const all = Object.values(commands)
  const lines = all.map(({ usage, doc }) => `  ${usage}\n      ${doc}`)
  return `Usage: trijet ctl [options] command

${lines.join('\n')}

Options:
  -p, --prefix DIR    the engine of this prefix; its configuration says where control listens
  -c, --conf FILE     … with this configuration file
  --url URL           control somewhere else, such as https://host:8443 (or TRIJET_URL)
  --token TOKEN       what it wants to see (better: TRIJET_TOKEN, which no process list shows)
  --cacert FILE       who signed its certificate
  --cert, --key FILE  the client certificate to show
  --json              answers as they came
  --dry-run           only asks whether it could be done
  -h, --help          this help

Exit codes: 0 done, 1 refused, 2 wrong command line, 3 nobody answers, 4 not granted`
}

function out(text: string): void {
  process.stdout.write(text.endsWith('\n') || text === '' ? text : `${text}\n`)
}

function err(text: string): void {
  console.error(`trijet: ${text.trimEnd()}`)
}

/** `-s`: tells a running master what to do, found by its pid file. Messages are nginx's. */
import { constants } from 'node:os'
import { formatDiagnostic } from '../engine/conf/diagnostics.ts'
import { errnoText } from '../engine/net/errors.ts'
import { readPidFile } from '../engine/process/pid-file.ts'
import type { Place } from '../engine/process/place.ts'
import { readConfiguration } from '../engine/process/read-configuration.ts'
import { readSettings } from '../engine/process/settings.ts'
import type { SignalName } from './options.ts'

const signals: Readonly<Record<SignalName, NodeJS.Signals>> = {
  stop: 'SIGTERM',
  quit: 'SIGQUIT',
  reopen: 'SIGUSR1',
  reload: 'SIGHUP',
}

/** `undefined` when the signal was sent; otherwise why not, as `[error] …`. */
export function sendSignal(name: SignalName, place: Place, globals: string): string | undefined {
  const read = readConfiguration({ entry: place.entry, prefix: place.prefix, globals })
  const [fault] = read.diagnostics
  if (fault !== undefined) return `[emerg] ${formatDiagnostic(fault)}`
  const { pid: path } = readSettings(read.tree, place).settings
  return signalFile(path, signals[name])
}

function signalFile(path: string, signal: NodeJS.Signals): string | undefined {
  let found: ReturnType<typeof readPidFile>
  try {
    found = readPidFile(path)
  } catch (error) {
    return `[error] open() "${path}" failed (${errnoText(error as NodeJS.ErrnoException)})`
  }
  const { pid, text } = found
  if (pid === undefined) return `[error] invalid PID number "${text}" in "${path}"`
  try {
    process.kill(pid, signal)
    return undefined
  } catch (error) {
    const cause = error as NodeJS.ErrnoException
    return `[alert] kill(${pid}, ${constants.signals[signal]}) failed (${errnoText(cause)})`
  }
}

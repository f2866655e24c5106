/** Signals as nginx names them in its log, and what each asks for. */

export type Request = 'terminate' | 'quit' | 'reload' | 'reopen' | 'upgrade' | 'noaccept'

interface Meaning {
  readonly request: Request
  /** `signal 1 (SIGHUP) received, reconfiguring` */
  readonly doing: string
}

/** What signals mean to the master. */
export const masterSignals: Readonly<Partial<Record<NodeJS.Signals, Meaning>>> = {
  SIGTERM: { request: 'terminate', doing: 'exiting' },
  SIGINT: { request: 'terminate', doing: 'exiting' },
  SIGQUIT: { request: 'quit', doing: 'shutting down' },
  SIGHUP: { request: 'reload', doing: 'reconfiguring' },
  SIGUSR1: { request: 'reopen', doing: 'reopening logs' },
  SIGUSR2: { request: 'upgrade', doing: 'changing binary' },
  SIGWINCH: { request: 'noaccept', doing: 'stopping workers' },
}

const numbers: Readonly<Partial<Record<NodeJS.Signals, number>>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGTERM: 15,
  SIGWINCH: 28,
}

/** Calls back for every signal of a table. Everything else a terminal or supervisor sends is ignored. */
export function onSignals(
  table: typeof masterSignals,
  handle: (request: Request, text: string) => void,
): void {
  for (const [name, meaning] of Object.entries(table)) {
    const signal = name as NodeJS.Signals
    const text = `signal ${numbers[signal]} (${signal}) received, ${meaning.doing}`
    process.on(signal, () => handle(meaning.request, text))
  }
  process.on('SIGPIPE', () => undefined)
}

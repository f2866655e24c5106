/**
 * Starts the engine: in the foreground or detached, with a master or as a single process.
 */
import { Announcer, writeStderr } from './announcer.ts'
import { type Candidate, consider } from './candidate.ts'
import { detach, type Detached, takeDetached } from './detach.ts'
import { Master } from './master.ts'
import type { Place } from './place.ts'
import { defaultRule } from './settings.ts'
import { masterSignals, onSignals, type Request } from './signals.ts'
import { StoreError } from '../store/store.ts'
import { takeInheritance } from './upgrade.ts'

export interface StartOptions {
  readonly place: Place
  /** Text of `-g`. */
  readonly globals: string
  /** In the foreground: told once the engine serves. */
  readonly onServing: (place: Place) => void
  /** In the foreground: told of each address that is listened on, such as `worker tcp 127.0.0.1:8080`. */
  readonly onListening: (text: string) => void
}

/** Runs until the engine is told to stop; gives the exit code. */
export async function start(options: StartOptions): Promise<number> {
  const { place, globals } = options
  const detached = takeDetached()
  const inherited = takeInheritance()
  const announcer = new Announcer([defaultRule(place)], (text) =>
    detached === undefined ? writeStderr(text) : detached.line(text),
  )
  const { diagnostics, candidate } = await consider(place, globals)
  announcer.diagnostics(diagnostics)
  if (candidate === undefined) return 1
  const { settings } = candidate
  announcer.use(settings.logRules)
  const background = settings.daemon && detached === undefined && inherited === undefined
  if (background) return detach(settings.logRules, writeStderr)
  try {
    if (!settings.master_process) {
      // Only here the data plane's code is needed in this very process.
      const { runSingleProcess } = await import('./single-process.ts')
      return await runSingleProcess({ place, candidate, announcer, detached })
    }
    const foreground = detached === undefined && !settings.daemon
    const master = new Master(
      {
        place,
        globals,
        announcer,
        inherited: inherited ?? [],
        ...(foreground && { onListening: options.onListening }),
      },
      candidate,
    )
    return await runMaster(master, candidate, { ...options, announcer, detached })
  } catch (error) {
    // A journal that cannot be read: without it, nobody knows what is in force.
    if (!(error instanceof StoreError)) throw error
    announcer.say('emerg', error.message)
    return 1
  }
}

interface MasterRun extends StartOptions {
  readonly announcer: Announcer
  readonly detached: Detached | undefined
}

async function runMaster(
  master: Master,
  { settings }: Candidate,
  { place, announcer, detached, onServing }: MasterRun,
): Promise<number> {
  process.title = `trijet: master process ${['trijet', ...process.argv.slice(2)].join(' ')}`
  keepAlive(announcer)
  const { promise, resolve } = Promise.withResolvers<number>()
  onSignals(masterSignals, (request, text) => {
    announcer.log.write('notice', text)
    // A terminal says by WINCH that its size changed; only a daemon takes it for an order.
    if (request === 'noaccept' && !settings.daemon) return
    void obey(master, request).then((ended) => ended && resolve(0))
  })
  if (!(await master.start())) return 1
  // Told to stop while it started: what was told is being done.
  if (master.stopping) return promise
  announcer.onServing()
  detached?.ready()
  if (detached === undefined && !settings.daemon) onServing(place)
  return promise
}

/** True when the engine has ended. */
async function obey(master: Master, request: Request): Promise<boolean> {
  switch (request) {
    case 'terminate':
      await master.stop('SIGTERM')
      return true
    case 'quit':
      await master.stop('SIGQUIT')
      return true
    case 'reload':
      await master.reload()
      return false
    case 'reopen':
      master.reopenLogs()
      return false
    case 'upgrade':
      await master.upgrade()
      return false
    case 'noaccept':
      await master.stopWorkers()
      return false
  }
}

/** A master without children waits for signals, which by themselves do not keep a process. */
const idleTurnMs = 60_000

/** Whatever goes wrong in the master is said; the engine serves on. */
function keepAlive({ log }: Announcer): void {
  setInterval(() => undefined, idleTurnMs)
  const note = (error: unknown): void => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    log.write('alert', `master process: ${text}`)
  }
  process.on('uncaughtException', note)
  process.on('unhandledRejection', note)
}

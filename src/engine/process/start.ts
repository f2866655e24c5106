/**
 * Starts the engine: in the foreground or detached, with a master or as a single process.
 */
import { Announcer } from './announcer.ts'
import { Master } from './master.ts'
import type { Place } from './place.ts'
import { defaultRule } from './settings.ts'
import { onSignals, masterSignals, type Request } from './signals.ts'

export interface StartOptions {
  readonly place: Place
  /** Text of `-g`. */
  readonly globals: string
}

/** Runs until the engine is told to stop; gives the exit code. */
export async function start({ place, globals }: StartOptions): Promise<number> {
  const announcer = new Announcer([defaultRule(place)])
  const master = await Master.create({ place, globals, announcer, inherited: [] })
  if (master === undefined) return 1
  process.title = `trijet: master process ${process.argv.slice(1).join(' ')}`
  if (!(await master.start())) return 1
  announcer.onServing()
  const { promise, resolve } = Promise.withResolvers<number>()
  onSignals(masterSignals, (request, text) => {
    announcer.log.write('notice', text)
    void handle(request)
  })
  const handle = async (request: Request): Promise<void> => {
    if (request === 'terminate') resolve(await stopped(master, 'SIGTERM'))
    if (request === 'quit') resolve(await stopped(master, 'SIGQUIT'))
    if (request === 'reload') await master.reload()
  }
  return promise
}

async function stopped(master: Master, signal: 'SIGTERM' | 'SIGQUIT'): Promise<number> {
  await master.stop(signal)
  return 0
}

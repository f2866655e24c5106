/**
 * `master_process off`: one process that serves, for development and debugging. It has no children, so
 * there are no copilots and nothing survives it.
 */
import { createInstance, removeInstance } from '../core/shared-memory.ts'
import { LocalDescriptorSource } from '../net/descriptor-source.ts'
import type { Announcer } from './announcer.ts'
import { type Candidate, consider } from './candidate.ts'
import type { Detached } from './detach.ts'
import { impliedCopilots } from './implied-copilots.ts'
import { Journal } from './journal.ts'
import { toRefused } from './membership.ts'
import { PidFile } from './pid-file.ts'
import type { Place } from './place.ts'
import { masterSignals, onSignals, type Request } from './signals.ts'
import { Worker } from './worker.ts'

export interface SingleProcessOptions {
  readonly place: Place
  readonly candidate: Candidate
  readonly announcer: Announcer
  readonly detached: Detached | undefined
}

/** Runs until it is told to stop; gives the exit code. */
export async function runSingleProcess(options: SingleProcessOptions): Promise<number> {
  const { place, candidate, announcer, detached } = options
  const { settings, files } = candidate
  process.title = 'trijet: single process'
  const written = candidate.helpers.map(({ line }) => line)
  for (const { tag } of [...written, ...impliedCopilots(candidate.tree, written)]) {
    announcer.say('warn', `helper "${tag}" is not started: there is no master process`)
  }
  if (settings.range.length > 0) {
    announcer.say('warn', 'the "range" directive has no effect: there is no master process')
  }
  const sharedMemory = createInstance(place.prefix)
  const journal = new Journal(`${place.prefix}/data/journal.db`)
  const worker = new Worker(new LocalDescriptorSource(announcer.log))
  try {
    const { revision } = journal
    const state = { files, instructions: journal.instructions(), revision }
    await worker.load(state, { slot: 0, sharedMemory, workers: 1 })
    await worker.serve()
  } catch (error) {
    announcer.diagnostics(toRefused(error, announcer.log).diagnostics)
    return 1
  } finally {
    journal.close()
  }
  const pidFile = PidFile.write(settings.pid)
  announcer.onServing()
  detached?.ready()
  await untilStopped(worker, options)
  pidFile.remove()
  removeInstance(sharedMemory)
  return 0
}

function untilStopped(worker: Worker, options: SingleProcessOptions): Promise<void> {
  const { announcer } = options
  return new Promise((resolve) => {
    onSignals(masterSignals, (request, text) => {
      announcer.log.write('notice', text)
      void obey(worker, request, options).then((ended) => ended && resolve())
    })
  })
}

/** True when the process has ended its work. */
async function obey(
  worker: Worker,
  request: Request,
  options: SingleProcessOptions,
): Promise<boolean> {
  switch (request) {
    case 'terminate':
      worker.close()
      return true
    case 'quit':
      await worker.drain()
      return true
    case 'reload':
      await reload(worker, options)
      return false
    case 'reopen':
      options.announcer.files.reopen()
      worker.reopenLogs()
      return false
    case 'upgrade':
    case 'noaccept':
      return false
  }
}

async function reload(
  worker: Worker,
  { place, candidate, announcer }: SingleProcessOptions,
): Promise<void> {
  announcer.log.write('notice', 'reconfiguring')
  const { diagnostics, candidate: next } = await consider(place, candidate.files.globals)
  announcer.diagnostics(diagnostics)
  if (next === undefined) return
  try {
    await worker.prepare({ files: next.files, edits: [] })
    worker.commit(worker.revision)
    announcer.use(next.settings.logRules)
    announcer.log.write('notice', 'reconfigured')
  } catch (error) {
    announcer.diagnostics(toRefused(error, announcer.log).diagnostics)
  }
}

/** The program of a worker process. */
import { MasterChannel, processChannel } from './master-channel.ts'
import { Membership } from './membership.ts'
import { Worker } from './worker.ts'

process.title = 'trijet: worker process'

const channel = new MasterChannel(processChannel(), {
  onMessage: (message) => membership.onMessage(message),
  onReopen: () => worker.reopenLogs(),
  // Without its master a worker would serve a configuration that nobody can change.
  onGone: () => process.exit(0),
})
// A worker that ends leaves its sockets to its successor: only what the configuration drops is given back.
let ending = false
const worker = new Worker(
  {
    open: (spec) => channel.open(spec),
    release: (spec) => {
      if (!ending) channel.release(spec)
    },
  },
  async (paths) => {
    const answer = await channel.ask({ kind: 'files', paths })
    return answer.kind === 'files' ? answer.texts : {}
  },
  () => channel.send({ kind: 'finishing' }),
)
const membership = new Membership(worker, (message) => channel.send(message), {
  write: (level, message) => worker.log.write(level, message),
  takes: (level) => worker.log.takes(level),
})

process.on('SIGTERM', () => end())
process.on('SIGINT', () => end())
process.on('SIGQUIT', () => {
  ending = true
  void worker.drain().then(() => process.exit(0))
})
process.on('SIGUSR1', () => worker.reopenLogs())
for (const name of ['SIGHUP', 'SIGUSR2', 'SIGWINCH', 'SIGPIPE'] as const) {
  process.on(name, () => undefined)
}

// Something impossible: the state of this process is not to be trusted, and the master has another.
process.on('uncaughtException', (error) => fail(error))
process.on('unhandledRejection', (error) => fail(error))

function end(): void {
  ending = true
  worker.close()
  process.exit(0)
}

function fail(error: unknown): void {
  worker.onFault(error)
  process.exit(2)
}

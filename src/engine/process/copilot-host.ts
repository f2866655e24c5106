/**
 * Runs one copilot in the process that was started for it: gives it what it may use, tells it to stop, and
 * sees to it that the process ends.
 */
import { pathToFileURL } from 'node:url'
import { BusClient } from '../bus/client.ts'
import { parseClientConf } from '../bus/client-conf.ts'
import { Requester, serve } from '../bus/request-reply.ts'
import { ErrorLog, type Log, LogFiles } from '../core/log.ts'
import type { VitalsReporter } from '../modules/process-vitals.ts'
import { SyslogSockets } from '../net/syslog-sockets.ts'
import type { Copilot, CopilotCommand, CopilotContext } from './copilot.ts'
import type { HostOptions } from './copilot-pool.ts'
import { copilotPath } from './entry.ts'
import { Following } from './following.ts'
import type { Program } from './helper-line.ts'
import { StoreKeyValues } from './key-values.ts'
import { processLimits } from './limits.ts'
import { MasterChannel, type RawChannel } from './master-channel.ts'
import { MasterLink } from './master-link.ts'
import { reportVitals } from './report-vitals.ts'

export class CopilotHost {
  readonly log: Log
  readonly #options: HostOptions
  readonly #files = new LogFiles(new SyslogSockets())
  readonly #stopping = new AbortController()
  readonly #commands: CopilotCommand[] = []
  readonly #kv: StoreKeyValues
  readonly #channel: MasterChannel
  readonly #master: MasterLink
  #following: Following | undefined
  #wake: () => void = () => {}
  #bus: BusClient | undefined
  #requester: Requester | undefined

  constructor(options: HostOptions, raw: RawChannel) {
    this.#options = options
    this.log = new ErrorLog(this.#files, options.logRules)
    this.#kv = new StoreKeyValues(options.prefix)
    this.#channel = new MasterChannel(raw, {
      onMessage: (message) => this.#following?.onMessage(message),
      onReopen: () => this.reopenLogs(),
      onGone: () => this.stop(),
    })
    this.#master = new MasterLink(this.#channel, (follower) => {
      this.#following = new Following(follower, (message) => this.#channel.send(message))
    })
  }

  /** Runs the copilot to its end; true when it ended because it was told to. */
  async run(): Promise<boolean> {
    const { program, tag } = this.#options
    const copilot = await loadCopilot(program)
    const vitals = this.#reportVitals()
    await this.#kv.put(`__COPILOT_PID_${tag}`, String(process.pid))
    try {
      await copilot.run(this.#context())
    } finally {
      vitals?.stop()
      await this.#close()
    }
    return this.#stopping.signal.aborted
  }

  /** STOP. A copilot that does not end by itself is ended. */
  stop(): void {
    if (this.#stopping.signal.aborted) return
    this.#stopping.abort()
    this.#wake()
    const timer = setTimeout(() => process.exit(1), processLimits.copilotKillAfterMs)
    timer.unref()
  }

  /** RESTART. */
  restart(): void {
    this.#commands.push('restart')
    this.#wake()
  }

  #reportVitals(): VitalsReporter | undefined {
    const { tag, sharedMemory, user } = this.#options
    const home = { sharedMemory, owner: user, log: this.log }
    return reportVitals(home, { role: `copilot ${tag}` })
  }

  reopenLogs(): void {
    this.#files.reopen()
    this.#commands.push('reopen')
    this.#wake()
  }

  #context(): CopilotContext {
    const { tag, confFile, prefix, clusterName, nodeName } = this.#options
    const bus = (): BusClient => (this.#bus ??= this.#connect())
    const requester = (): Requester => (this.#requester ??= new Requester(bus()))
    return {
      tag,
      confFile,
      prefix,
      clusterName,
      nodeName,
      log: this.log,
      signal: this.#stopping.signal,
      commands: this.#iterateCommands(),
      get bus() {
        return bus()
      },
      request: (topic, body, options) => requester().request(topic, body, options),
      serve: (filter, handler) => serve(bus(), filter, handler),
      kv: this.#kv,
      master: this.#master,
      sockets: this.#channel,
    }
  }

  async *#iterateCommands(): AsyncGenerator<CopilotCommand, void, undefined> {
    while (!this.#stopping.signal.aborted) {
      const command = this.#commands.shift()
      if (command !== undefined) yield command
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** The installation's own broker, with the defaults of every client. */
  #connect(): BusClient {
    const { tag, prefix, clusterName, nodeName } = this.#options
    const names = { cluster: clusterName, node: nodeName, pid: process.pid }
    const { address } = parseClientConf('', { file: '', prefix, names })
    return new BusClient({ address, clientId: `mdb_ctx_copilot_${tag}`, log: this.log })
  }

  async #close(): Promise<void> {
    await this.#bus?.close()
    await this.#kv.close()
  }
}

async function loadCopilot(program: Program): Promise<Copilot> {
  if (program.kind === 'executable') {
    const { href } = pathToFileURL(copilotPath('exec'))
    const { executableCopilot } = (await import(href)) as {
      readonly executableCopilot: (path: string) => Copilot
    }
    return executableCopilot(program.path)
  }
  const { copilot } = (await import(program.href)) as { readonly copilot: Copilot }
  return copilot
}

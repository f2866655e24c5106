/**
 * The master: reads the configuration, keeps the sockets, starts and watches the children, and counts
 * their votes on changes. It runs no service code, and must not crash.
 *
 * ```text
 *   start ─▶ workers serve ─▶ pid file ─▶ copilots ─▶ [ reload | reopen | upgrade | change ]* ─▶ stop
 * ```
 */
import type { Diagnostic } from '../conf/diagnostics.ts'
import { createInstance, removeInstance, removeStale } from '../core/shared-memory.ts'
import type { Announcer } from './announcer.ts'
import { answerAsk, type AskServices } from './answers.ts'
import { CopilotPool, type Helper } from './copilot-pool.ts'
import { DescriptorRegistry, type Inherited } from './descriptor-registry.ts'
import { checkHelpers } from './helper-check.ts'
import { identityOf } from './helper-line.ts'
import { Journal } from './journal.ts'
import { processLimits } from './limits.ts'
import type { Refused } from './messages.ts'
import type { Peer, PeerServices } from './peer.ts'
import { PidFile } from './pid-file.ts'
import type { Place } from './place.ts'
import { type ReadConfiguration, readConfiguration } from './read-configuration.ts'
import { type Settings, readSettings } from './settings.ts'
import { type Outcome, Transactions } from './transactions.ts'
import { WorkerPool } from './worker-pool.ts'

export interface MasterOptions {
  readonly place: Place
  /** Text of `-g`. */
  readonly globals: string
  readonly announcer: Announcer
  /** Sockets of the master before this one. */
  readonly inherited: readonly Inherited[]
}

/** A configuration that the master has looked at: what the workers think of it is another matter. */
interface Candidate extends ReadConfiguration {
  readonly settings: Settings
  readonly helpers: readonly Helper[]
}

export class Master {
  readonly #options: MasterOptions
  readonly #announcer: Announcer
  readonly #journal: Journal
  readonly #registry: DescriptorRegistry
  readonly #transactions: Transactions
  readonly #workers: WorkerPool
  readonly #copilots: CopilotPool
  readonly #sharedMemory: string
  #settings: Settings
  #helpers: readonly Helper[]
  #pidFile: PidFile | undefined

  private constructor(options: MasterOptions, { settings, helpers, files }: Candidate) {
    const { place, announcer, inherited } = options
    this.#options = options
    this.#announcer = announcer
    this.#settings = settings
    this.#helpers = helpers
    removeStale()
    this.#sharedMemory = createInstance(place.prefix)
    this.#journal = new Journal(`${place.prefix}/data/journal.db`)
    this.#registry = new DescriptorRegistry(announcer.log, inherited)
    this.#transactions = new Transactions({
      journal: this.#journal,
      files,
      now: () => new Date().toISOString(),
    })
    const services = this.#services()
    const shared = { services, sharedMemory: this.#sharedMemory, settings: () => this.#settings }
    this.#copilots = new CopilotPool({ ...shared, prefix: place.prefix })
    this.#workers = new WorkerPool({
      ...shared,
      onFailed: ({ refused }) => this.#announce(refused),
      onSettled: () => this.#sweep(),
    })
  }

  /** Reads the configuration and makes the master for it; `undefined` when it cannot be used. */
  static async create(options: MasterOptions): Promise<Master | undefined> {
    const { diagnostics, candidate } = await consider(options)
    options.announcer.diagnostics(diagnostics)
    if (candidate === undefined) return undefined
    options.announcer.use(candidate.settings.logRules)
    return new Master(options, candidate)
  }

  /** Where it is told to write its pid. */
  get settings(): Settings {
    return this.#settings
  }

  /** Brings everything up; false when it cannot be, with the reasons announced. */
  async start(): Promise<boolean> {
    const { worker_processes: count } = this.#settings
    const outcomes = await this.#workers.resize(count)
    if (outcomes.some(({ kind }) => kind === 'refused')) {
      await this.#end('SIGKILL')
      return false
    }
    this.#noteLeftOut(outcomes[0])
    this.#registry.closeInherited()
    this.#pidFile = PidFile.write(this.#settings.pid)
    await this.#copilots.apply(this.#helpers)
    return true
  }

  /** Stops at once (TERM) or when all connections have ended (QUIT). */
  async stop(signal: 'SIGTERM' | 'SIGQUIT'): Promise<void> {
    await this.#end(signal)
    this.#announcer.log.write('notice', 'exit')
  }

  /** Takes the files as they are now into use; what is refused leaves everything as it was. */
  async reload(): Promise<Outcome> {
    this.#announcer.log.write('notice', 'reconfiguring')
    const outcome = await this.#reload()
    if (outcome.kind === 'refused') this.#announce(outcome.refused)
    else {
      this.#noteLeftOut(outcome)
      this.#announcer.log.write('notice', 'reconfigured')
    }
    return outcome
  }

  async #reload(): Promise<Outcome> {
    const { diagnostics, candidate } = await consider(this.#options)
    if (candidate === undefined) return refuse(diagnostics)
    const dropped = this.#dropped(candidate.helpers)
    if (dropped !== undefined) return refuse([dropped])
    const outcome = await this.#transactions.reload(candidate.files)
    if (outcome.kind === 'refused') return outcome
    this.#announcer.diagnostics(diagnostics)
    await this.#use(candidate)
    return outcome
  }

  /** The master's own part of a configuration that the workers have taken into use. */
  async #use({ settings, helpers }: Candidate): Promise<void> {
    const { pid } = this.#settings
    this.#settings = settings
    this.#helpers = helpers
    this.#announcer.use(settings.logRules)
    if (settings.pid !== pid) {
      this.#pidFile?.remove()
      this.#pidFile = PidFile.write(settings.pid)
    }
    await this.#workers.resize(settings.worker_processes)
    this.#sweep()
    await this.#copilots.apply(helpers)
  }

  /** A copilot that lives through reloads and is not named any more. */
  #dropped(helpers: readonly Helper[]): Diagnostic | undefined {
    const named = new Set(helpers.map(({ line }) => identityOf(line)))
    const lost = this.#copilots.kept.find((line) => !named.has(identityOf(line)))
    if (lost === undefined) return undefined
    const words = ['helper', lost.tag, lost.module, lost.conf ?? ''].join(' ').trim()
    const message = `Need to keep original non-reloadable helper directive! "${words}" is missing`
    return toDiagnostic(message)
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    await this.#workers.stop(signal)
    await this.#copilots.stop()
    this.#registry.closeAll(true)
    this.#journal.close()
    this.#pidFile?.remove()
    removeInstance(this.#sharedMemory)
  }

  #sweep(): void {
    if (this.#workers.settled && this.#transactions.idle) this.#registry.sweep()
  }

  #services(): PeerServices {
    return {
      transactions: this.#transactions,
      registry: this.#registry,
      log: this.#announcer.log,
      answer: (ask) => answerAsk(ask, this.#askServices()),
      onJoined: (peer, outcome) => this.#onJoined(peer, outcome),
    }
  }

  #askServices(): AskServices {
    return {
      journal: this.#journal,
      transactions: this.#transactions,
      reload: () => this.reload(),
      setWorkers: (count) => this.#setWorkers(count),
      processes: () => [...this.#workers.notes(), ...this.#copilots.notes()],
    }
  }

  async #setWorkers(count: number): Promise<Outcome> {
    const { workersMax } = processLimits
    if (!Number.isInteger(count) || count < 1 || count > workersMax) {
      return refuse([toDiagnostic(`the number of workers is 1 to ${workersMax}, not ${count}`)])
    }
    const outcomes = await this.#workers.resize(count)
    const refused = outcomes.find(({ kind }) => kind === 'refused')
    return refused ?? { kind: 'done', revision: this.#journal.revision, leftOut: [] }
  }

  #onJoined(peer: Peer, outcome: Outcome): void {
    if (outcome.kind === 'done') return
    this.#announce(outcome.refused)
    peer.kill('it cannot follow the configuration')
  }

  #announce({ diagnostics, reply }: Refused): void {
    if (diagnostics.length > 0) this.#announcer.diagnostics(diagnostics)
    else this.#announcer.say('emerg', reply.msg)
  }

  #noteLeftOut(outcome: Outcome | undefined): void {
    if (outcome?.kind !== 'done') return
    for (const { key, reason } of outcome.leftOut) {
      this.#announcer.log.write('error', `instruction "${key}" is not in force: ${reason}`)
    }
  }
}

async function consider({ place, globals }: MasterOptions): Promise<{
  readonly diagnostics: readonly Diagnostic[]
  readonly candidate: Candidate | undefined
}> {
  const read = readConfiguration({ entry: place.entry, prefix: place.prefix, globals })
  if (read.diagnostics.length > 0) return { diagnostics: read.diagnostics, candidate: undefined }
  const { settings, diagnostics: own } = readSettings(read.tree, place)
  const { helpers, diagnostics: ofHelpers } = await checkHelpers(read.tree, place.prefix)
  const diagnostics = [...own, ...ofHelpers]
  const failed = diagnostics.some(({ severity }) => severity === 'emerg')
  return { diagnostics, candidate: failed ? undefined : { ...read, settings, helpers } }
}

function toDiagnostic(message: string): Diagnostic {
  return { severity: 'emerg', message, at: undefined }
}

function refuse(diagnostics: readonly Diagnostic[]): Outcome {
  const [first] = diagnostics
  const reply = { code: 4, msg: first?.message ?? 'the configuration is not usable' }
  return { kind: 'refused', refused: { reply, diagnostics } }
}

/**
 * The master: reads the configuration, keeps the sockets, starts and watches the children, and counts
 * their votes on changes. It runs no service code, and must not crash.
 *
 * ```text
 *   start ─▶ workers serve ─▶ pid file ─▶ copilots ─▶ [ reload | reopen | upgrade | change ]* ─▶ stop
 * ```
 */
import type { Diagnostic } from '../conf/diagnostics.ts'
import { workersMax } from '../control/limits.ts'
import { workerCountKey } from '../control/worker-count.ts'
import { createInstance, removeInstance, removeStale } from '../core/shared-memory.ts'
import type { VitalsReporter } from '../modules/process-vitals.ts'
import type { Announcer } from './announcer.ts'
import { answerAsk, type AskServices } from './answers.ts'
import { type Candidate, consider } from './candidate.ts'
import { CopilotPool, type Helper } from './copilot-pool.ts'
import { DescriptorRegistry, type Inherited } from './descriptor-registry.ts'
import { identityOf } from './helper-line.ts'
import { Journal } from './journal.ts'
import type { ConfigurationFiles, Refused } from './messages.ts'
import type { Peer, PeerServices } from './peer.ts'
import { oldBinaryPath, PidFile } from './pid-file.ts'
import { LiveCopilots } from './live-copilots.ts'
import { LiveSettings } from './live-settings.ts'
import { together } from './own-parts.ts'
import { PortRanges } from './port-ranges.ts'
import type { Place } from './place.ts'
import { readTexts } from './read-configuration.ts'
import { giveLogFiles } from './log-files.ts'
import { reportVitals } from './report-vitals.ts'
import { SocketOpener } from './socket-opener.ts'
import type { Settings } from './settings.ts'
import { type Outcome, Transactions } from './transactions.ts'
import { startNewBinary } from './upgrade.ts'
import { storedWorkerCount } from './worker-count.ts'
import { workerFamily, WorkerPool } from './worker-pool.ts'

export interface MasterOptions {
  readonly place: Place
  /** Text of `-g`. */
  readonly globals: string
  readonly announcer: Announcer
  /** Sockets of the master before this one. */
  readonly inherited: readonly Inherited[]
  /** Told of each address that is listened on: `worker tcp 127.0.0.1:8080`. */
  readonly onListening?: (text: string) => void
}

export class Master {
  readonly #options: MasterOptions
  readonly #announcer: Announcer
  readonly #journal: Journal
  readonly #registry: DescriptorRegistry
  readonly #opener: SocketOpener
  readonly #transactions: Transactions
  readonly #liveSettings: LiveSettings
  readonly #liveCopilots: LiveCopilots
  readonly #portRanges: PortRanges
  readonly #workers: WorkerPool
  readonly #copilots: CopilotPool
  readonly #sharedMemory: string
  #settings: Settings
  /** What is being tried. Let go afterwards: the tree of many servers is large. */
  #candidate: Candidate | undefined
  /** Number of workers that was set live; goes before the files' as long as there is one. */
  #workerCount: number | undefined
  #helpers: readonly Helper[]
  #pidFile: PidFile | undefined
  #vitals: VitalsReporter | undefined
  #state: 'starting' | 'serving' | 'stopping' = 'starting'
  /** True while a new binary serves beside this one. */
  #replaced = false
  /** Reloads are made one after the other: the files that were read last are those in force. */
  #lastReload: Promise<unknown> = Promise.resolve()

  constructor(options: MasterOptions, candidate: Candidate) {
    const { settings, helpers, files } = candidate
    const { place, announcer, inherited } = options
    this.#options = options
    this.#announcer = announcer
    this.#settings = settings
    this.#helpers = helpers
    this.#candidate = candidate
    removeStale()
    this.#sharedMemory = createInstance(place.prefix)
    this.#journal = new Journal(`${place.prefix}/data/journal.db`)
    const { fault } = this.#journal
    if (fault !== undefined) announcer.say('crit', `no change can be made: ${fault.message}`)
    this.#registry = new DescriptorRegistry(announcer.log, inherited)
    this.#opener = new SocketOpener(this.#registry, announcer, options.onListening)
    const common = {
      prefix: place.prefix,
      log: announcer.log,
      treeOf: (read: ConfigurationFiles) => this.#candidate?.tree ?? readTexts(read).tree,
      instructions: () => this.#journal.instructions(),
    }
    this.#portRanges = new PortRanges(common)
    this.#liveSettings = new LiveSettings({ ...common, onChange: (live) => this.#onSettings(live) })
    this.#liveCopilots = new LiveCopilots({ ...common, onChange: () => this.#onCopilots() })
    this.#transactions = new Transactions({
      own: together([this.#portRanges, this.#liveSettings, this.#liveCopilots]),
      journal: this.#journal,
      files,
      now: () => new Date().toISOString(),
      log: announcer.log,
      onIdle: () => this.#sweep(),
    })
    const services = this.#services()
    const shared = { services, sharedMemory: this.#sharedMemory, settings: () => this.#settings }
    this.#copilots = new CopilotPool({ ...shared, prefix: place.prefix })
    this.#workers = new WorkerPool({
      ...shared,
      onFailed: ({ refused }) => {
        if (this.#state !== 'serving') return false
        this.#announce(refused)
        return true
      },
      onSettled: () => this.#sweep(),
    })
  }

  get stopping(): boolean {
    return this.#state === 'stopping'
  }

  /** Brings everything up; false when it cannot be, with the reasons announced. */
  async start(): Promise<boolean> {
    this.#workerCount = await storedWorkerCount(this.#options.place.prefix)
    if (this.stopping) return true
    this.#takeSettings()
    const outcomes = await this.#resize()
    const refused =
      outcomes.find((outcome) => outcome.kind === 'refused') ?? (await this.#startRanges())
    if (this.stopping) return true
    if (refused !== undefined) {
      this.#announce(refused.refused)
      await this.#end('SIGTERM')
      return false
    }
    this.#noteLeftOut(outcomes[0])
    this.#opener.onServing()
    this.#candidate = undefined
    this.#pidFile = PidFile.write(this.#settings.pid)
    this.#state = 'serving'
    this.#vitals = this.#reportVitals()
    await this.#applyCopilots()
    return true
  }

  /** What was changed live goes before what the files say. */
  #takeSettings(): void {
    this.#settings = this.#liveSettings.start(this.#transactions.files)
    this.#liveCopilots.start(this.#transactions.files)
    this.#announcer.use(this.#settings.logRules)
  }

  /** Stops at once (TERM) or when all connections have ended (QUIT). May be called again, to hurry. */
  async stop(signal: 'SIGTERM' | 'SIGQUIT'): Promise<void> {
    this.#state = 'stopping'
    await this.#end(signal)
    this.#announcer.log.write('notice', 'exit')
  }

  /** Why the system does not redirect what it should. */
  async #startRanges(): Promise<Extract<Outcome, { kind: 'refused' }> | undefined> {
    try {
      await this.#portRanges.start(this.#transactions.files)
      return undefined
    } catch (error) {
      return refuse([toDiagnostic(`"range" directive: ${(error as Error).message}`)])
    }
  }

  /** Takes the files as they are now into use; what is refused leaves everything as it was. */
  reload(): Promise<Outcome> {
    const outcome = this.#lastReload.then(() => this.#reconfigure())
    this.#lastReload = outcome.catch(() => undefined)
    return outcome
  }

  async #reconfigure(): Promise<Outcome> {
    this.#announcer.log.write('notice', 'reconfiguring')
    const outcome = this.#workers.count === 0 ? await this.#startAgain() : await this.#reload()
    if (outcome.kind === 'refused') this.#announce(outcome.refused)
    else {
      this.#noteLeftOut(outcome)
      this.#announcer.log.write('notice', 'reconfigured')
    }
    return outcome
  }

  /** All processes open their logs anew; files are made for those that gave up root. */
  reopenLogs(): void {
    this.#announcer.log.write('notice', 'reopening logs')
    this.#announcer.files.reopen()
    giveLogFiles(this.#workers.logs, this.#settings, this.#announcer.log)
    this.#workers.send({ kind: 'reopen' })
    this.#copilots.send({ kind: 'reopen' })
  }

  /** Lets the workers end as their connections do; a reload starts others. */
  async stopWorkers(): Promise<void> {
    await Promise.all([this.#workers.stop('SIGQUIT'), this.#copilots.stop()])
  }

  /** Starts a new master on the same sockets, beside this one. */
  async upgrade(): Promise<void> {
    const { log } = this.#announcer
    if (this.#replaced) {
      log.write('crit', 'the changing binary signal is ignored: a new binary runs already')
      return
    }
    log.write('notice', 'changing binary')
    this.#replaced = true
    // Two brokers cannot share one socket, nor two masters one journal.
    await this.#copilots.stop()
    this.#pidFile?.rename(oldBinaryPath(this.#settings.pid))
    startNewBinary(this.#registry.inheritance(), log, () => void this.#takeBack())
  }

  /** The new binary has ended before this one: goes on as before. */
  async #takeBack(): Promise<void> {
    if (this.#state === 'stopping') return
    this.#replaced = false
    this.#pidFile?.rename(this.#settings.pid)
    await this.#transactions.catchUp()
    await this.#startAgain()
  }

  async #startAgain(): Promise<Outcome> {
    if (this.#state === 'stopping') return refuse([toDiagnostic('the engine is stopping')])
    const outcomes = await this.#resize()
    await this.#applyCopilots()
    const refused = outcomes.find(({ kind }) => kind === 'refused') ?? (await this.#startRanges())
    return refused ?? { kind: 'done', revision: this.#journal.revision, leftOut: [] }
  }

  async #reload(): Promise<Outcome> {
    const { place, globals } = this.#options
    const { diagnostics, candidate } = await consider(place, globals)
    if (candidate === undefined) return refuse(diagnostics)
    const dropped = this.#dropped(candidate.helpers)
    if (dropped !== undefined) return refuse([dropped])
    this.#candidate = candidate
    const outcome = await this.#transactions.reload(candidate.files)
    this.#candidate = undefined
    if (outcome.kind === 'refused') return outcome
    this.#announcer.diagnostics(diagnostics)
    await this.#use({ ...candidate, settings: this.#liveSettings.settings ?? candidate.settings })
    return outcome
  }

  #onSettings(settings: Settings): void {
    this.#afterwards(this.#use({ settings, helpers: this.#helpers }))
  }

  #onCopilots(): void {
    if (this.#state === 'serving' && !this.#replaced) this.#afterwards(this.#applyCopilots())
  }

  /** Not within the change: workers that come take part in changes themselves. */
  #afterwards(work: Promise<void>): void {
    work.catch((error: Error) => {
      this.#announcer.log.write('error', `changed settings: ${error.message}`)
    })
  }

  #applyCopilots(): Promise<void> {
    return this.#copilots.apply(this.#liveCopilots.beside(this.#helpers))
  }

  /** The master's own part of a configuration that the workers have taken into use. */
  async #use({ settings, helpers }: Pick<Candidate, 'settings' | 'helpers'>): Promise<void> {
    if (this.#state === 'stopping') return
    const { pid } = this.#settings
    this.#settings = settings
    this.#helpers = helpers
    this.#announcer.use(settings.logRules)
    if (settings.pid !== pid) {
      this.#pidFile?.remove()
      this.#pidFile = PidFile.write(settings.pid)
    }
    await this.#resize()
    await this.#applyCopilots()
    this.#sweep()
  }

  /** A copilot that lives through reloads and is not named any more. */
  #dropped(helpers: readonly Helper[]): Diagnostic | undefined {
    const named = new Set(helpers.map(({ line }) => identityOf(line)))
    const lost = this.#copilots.kept.find((line) => !named.has(identityOf(line)))
    if (lost === undefined) return undefined
    const words = ['helper', lost.tag, lost.module, lost.conf ?? ''].join(' ').trim()
    return toDiagnostic(
      `Need to keep original non-reloadable helper directive! "${words}" is missing`,
    )
  }

  /** As many workers as were asked for live, or else as the files say. */
  #resize(): Promise<readonly Outcome[]> {
    const { worker_processes: count } = this.#settings
    if (this.#workerCount !== undefined && this.#workerCount !== count) {
      const why = `"worker_processes ${count}" is overridden by the key value "${workerCountKey}"`
      this.#announcer.log.write('notice', `${why}: ${this.#workerCount} workers`)
    }
    return this.#workers.resize(this.#workerCount ?? count)
  }

  async #setWorkers(count: number | null): Promise<Outcome> {
    if (count !== null && !(Number.isInteger(count) && count >= 1 && count <= workersMax)) {
      return refuse([toDiagnostic(`the number of workers is 1 to ${workersMax}, not ${count}`)])
    }
    const before = this.#workerCount
    this.#workerCount = count ?? undefined
    const outcomes = await this.#resize()
    const refused = outcomes.find(({ kind }) => kind === 'refused')
    if (refused === undefined) {
      return { kind: 'done', revision: this.#journal.revision, leftOut: [] }
    }
    this.#workerCount = before
    await this.#resize()
    return refused
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#copilots.hold()
    // At once: whoever connects now is to be refused, not to wait in a queue that nobody serves. Socket
    // files are the new binary's, where there is one.
    this.#registry.closeAll(!this.#replaced)
    await this.#workers.stop(signal)
    await this.#copilots.stop()
    // The new binary goes on with the rules.
    if (!this.#replaced) await this.#portRanges.stop()
    this.#vitals?.stop()
    this.#journal.close()
    this.#pidFile?.remove()
    removeInstance(this.#sharedMemory)
  }

  /** Closes what nobody listens on any more. */
  #sweep(): void {
    if (this.#state !== 'serving' || this.#replaced || !this.#transactions.idle) return
    if (!this.#workers.settled) return
    this.#registry.sweep((family) => family === workerFamily || !this.#copilots.has(family))
  }

  #reportVitals(): VitalsReporter | undefined {
    const { log } = this.#announcer
    const home = { sharedMemory: this.#sharedMemory, owner: this.#settings.user, log }
    return reportVitals(home, { role: 'master', revision: () => this.#journal.revision })
  }

  #services(): PeerServices {
    return {
      transactions: this.#transactions,
      registry: this.#registry,
      log: this.#announcer.log,
      open: (borrower, spec) => this.#opener.open(borrower, spec),
      onReleased: () => this.#sweep(),
      answer: (ask) => answerAsk(ask, this.#askServices()),
      onJoined: (peer, outcome) => this.#onJoined(peer, outcome),
    }
  }

  #askServices(): AskServices {
    return {
      journal: this.#journal,
      transactions: this.#transactions,
      setWorkers: (count) => this.#setWorkers(count),
      processes: () => [...this.#workers.notes(), ...this.#copilots.notes()],
    }
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

function toDiagnostic(message: string): Diagnostic {
  return { severity: 'emerg', message, at: undefined }
}

function refuse(diagnostics: readonly Diagnostic[]): Extract<Outcome, { kind: 'refused' }> {
  const [first] = diagnostics
  const reply = { code: 4, msg: first?.message ?? 'the configuration is not usable' }
  return { kind: 'refused', refused: { reply, diagnostics } }
}

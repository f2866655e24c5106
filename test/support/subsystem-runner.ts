/**
 * Runs a configuration of one subsystem within the test's process: compiled, listened on and changed as a
 * worker does it, with the log in a folder of the test.
 */
import assert from 'node:assert/strict'
import { checkConfiguration } from '../../src/engine/conf/check.ts'
import { type Diagnostic, formatDiagnostic } from '../../src/engine/conf/diagnostics.ts'
import { createDiskReader } from '../../src/engine/conf/file-reader.ts'
import { configurationFromText } from '../../src/engine/conf/includes.ts'
import type { Directive } from '../../src/engine/conf/tree.ts'
import { CompileSession } from '../../src/engine/core/compile-session.ts'
import { ErrorLog, LogFiles } from '../../src/engine/core/log.ts'
import type { ModuleTable } from '../../src/engine/core/module-table.ts'
import type { PersistentMap } from '../../src/engine/core/persistent-map.ts'
import { compileTree, type Snapshot, type Subsystem } from '../../src/engine/core/snapshot.ts'
import { toEnd } from '../../src/engine/conf/stepwise.ts'
import { AccessLogWriter } from '../../src/engine/modules/access-log.ts'
import { privateZoneMemory, type ZoneMemory } from '../../src/engine/core/zone-memory.ts'
import { createTransport } from '../../src/engine/net/create-transport.ts'
import { LocalDescriptorSource } from '../../src/engine/net/descriptor-source.ts'
import type { ListenPlan } from '../../src/engine/net/listen-plan.ts'
import { ListenerSet } from '../../src/engine/net/listeners.ts'
import { TimingWheel } from '../../src/engine/net/timing-wheel.ts'
import { createPrivateZone, type PeerZone } from '../../src/engine/upstream/peer-zone.ts'
import type { StreamServices } from '../../src/engine/stream/services.ts'
import { onEnd, type Owner } from './scope.ts'
import type { TempPrefix } from './temp-prefix.ts'

/** Peers that a zone of a test has room for. */
const zonePeers = 64

export class ConfigurationFault extends Error {
  readonly diagnostics: readonly Diagnostic[]

  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map(formatDiagnostic).join('\n'))
    this.diagnostics = diagnostics
  }
}

interface ListeningPart {
  readonly listeners: PersistentMap<ListenPlan>
}

/** What is run, and how it is made of what every subsystem is given. */
export interface Kind<Part, Sub extends Subsystem<Part>> {
  readonly table: ModuleTable
  create(services: StreamServices): Sub
  close?(subsystem: Sub): void
}

export class SubsystemRunner<Part extends ListeningPart, Sub extends Subsystem<Part>> {
  readonly prefix: TempPrefix
  /** Where zones lie, so that tests can look into them. */
  readonly zoneMemory: ZoneMemory = privateZoneMemory()
  protected readonly subsystem: Sub
  readonly #table: ModuleTable
  readonly #listeners: ListenerSet
  readonly #accessLogs: AccessLogWriter
  readonly #close: () => void
  #snapshot: Snapshot | undefined
  warnings: readonly string[] = []

  constructor(prefix: TempPrefix, kind: Kind<Part, Sub>) {
    this.prefix = prefix
    this.#table = kind.table
    const files = new LogFiles()
    const target = { kind: 'file', path: prefix.file('logs/error.log') } as const
    const log = new ErrorLog(files, [{ target, level: 'info' }])
    const transport = createTransport({ log })
    const zones = new Map<string, PeerZone>()
    let connections = 0
    this.#accessLogs = new AccessLogWriter(files, transport)
    this.subsystem = kind.create({
      transport,
      timers: new TimingWheel(transport.clock),
      accessLogs: this.#accessLogs,
      zoneMemory: this.zoneMemory,
      log,
      peerZone: (name) => {
        return zones.getOrInsertComputed(name, () => createPrivateZone(zonePeers))
      },
      errorLog: () => log,
      nextConnection: () => (connections += 1),
    })
    this.#listeners = new ListenerSet(transport, new LocalDescriptorSource(log), log)
    this.#close = () => {
      kind.close?.(this.subsystem)
      this.#listeners.close()
      transport.close()
      files.close()
    }
  }

  get part(): Part {
    return this.#partOf(this.#snapshot!)
  }

  get errorLog(): string {
    return this.prefix.read('logs/error.log')
  }

  /** The tree in force. */
  get tree(): Directive {
    return this.#snapshot!.tree
  }

  /** Reads a text as the body of the subsystem's block and takes it into use. */
  async load(body: string): Promise<void> {
    await this.apply(this.parse(body))
  }

  parse(body: string): Directive {
    const path = this.prefix.file('conf/test.conf')
    const reader = createDiskReader()
    const text = `${this.subsystem.context} {\n${body}\n}\n`
    const configuration = configurationFromText(text, path, reader)
    const diagnostics = checkConfiguration(configuration, this.#table)
    if (diagnostics.length > 0) throw new ConfigurationFault(diagnostics)
    return configuration.main
  }

  /** Compiles a tree and takes it into use, or fails and changes nothing. */
  async apply(tree: Directive): Promise<void> {
    const session = new CompileSession({
      table: this.#table,
      prefix: this.prefix.path,
      confPrefix: this.prefix.file('conf'),
      dryRun: false,
    })
    try {
      const snapshot = toEnd(compileTree(tree, [this.subsystem], session, this.#snapshot))
      if (session.failed) throw new ConfigurationFault(session.diagnostics)
      await session.prepare()
      const listening = await this.#listeners.prepare(this.#partOf(snapshot).listeners)
      session.commit()
      listening.commit()
      this.#snapshot = snapshot
      this.warnings = session.diagnostics.map(({ message }) => message)
    } catch (error) {
      session.abort()
      throw error
    }
  }

  #partOf({ parts }: Snapshot): Part {
    return parts.get(this.subsystem.context) as Part
  }

  flushLogs(): void {
    this.#accessLogs.flush()
  }

  close(): void {
    this.#close()
  }
}

/** What the functions below need of a runner. */
interface Runner {
  readonly prefix: TempPrefix
  load(body: string): Promise<void>
  close(): void
}

/** Starts a runner on the body of its block, until the owner ends. */
export async function startRunner<R extends Runner>(
  owner: Owner,
  runner: R,
  body: string,
): Promise<R> {
  onEnd(owner, () => runner.close())
  await runner.load(body)
  return runner
}

/** The messages with which a runner refuses a configuration, as `nginx -t` would print them. */
export async function refusalBy(
  owner: Owner,
  runner: Runner,
  body: string,
): Promise<readonly string[]> {
  const fault: unknown = await startRunner(owner, runner, body).then(
    () => undefined,
    (error: unknown) => error,
  )
  assert(fault instanceof ConfigurationFault, `accepted, or failed otherwise: ${String(fault)}`)
  return fault.diagnostics.map((one) =>
    formatDiagnostic(one).replaceAll(`${runner.prefix.path}/`, ''),
  )
}

/**
 * Runs a stream configuration within the test's process: compiled, listened on and changed as a worker
 * does it, with the log in a folder of the test.
 */
import assert from 'node:assert/strict'
import { checkConfiguration } from '../../src/engine/conf/check.ts'
import { type Diagnostic, formatDiagnostic } from '../../src/engine/conf/diagnostics.ts'
import { createDiskReader } from '../../src/engine/conf/file-reader.ts'
import { configurationFromText } from '../../src/engine/conf/includes.ts'
import type { Directive } from '../../src/engine/conf/tree.ts'
import { CompileSession } from '../../src/engine/core/compile-session.ts'
import { ErrorLog, LogFiles } from '../../src/engine/core/log.ts'
import { ModuleTable } from '../../src/engine/core/module-table.ts'
import { compileTree, type Snapshot } from '../../src/engine/core/snapshot.ts'
import { AccessLogWriter } from '../../src/engine/modules/access-log.ts'
import { privateZoneMemory } from '../../src/engine/core/zone-memory.ts'
import { createTransport } from '../../src/engine/net/create-transport.ts'
import { LocalDescriptorSource } from '../../src/engine/net/descriptor-source.ts'
import { ListenerSet } from '../../src/engine/net/listeners.ts'
import { TimingWheel } from '../../src/engine/net/timing-wheel.ts'
import { createPrivateZone, type PeerZone } from '../../src/engine/upstream/peer-zone.ts'
import { streamModules } from '../../src/engine/stream/built-in-modules.ts'
import type { StreamPart } from '../../src/engine/stream/part.ts'
import { createStreamSubsystem, type StreamSubsystem } from '../../src/engine/stream/subsystem.ts'
import { onEnd, type Owner } from '../support/scope.ts'
import { makeTempPrefix, type Files, type TempPrefix } from '../support/temp-prefix.ts'

/** Peers that one zone of a test can hold. */
const zonePeers = 64
const table = new ModuleTable(streamModules)

export class ConfigurationFault extends Error {
  readonly diagnostics: readonly Diagnostic[]

  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map(formatDiagnostic).join('\n'))
    this.diagnostics = diagnostics
  }
}

export class StreamRunner {
  readonly prefix: TempPrefix
  readonly #subsystem: StreamSubsystem
  readonly #listeners: ListenerSet
  readonly #accessLogs: AccessLogWriter
  readonly #close: () => void
  #snapshot: Snapshot | undefined
  warnings: readonly string[] = []

  constructor(prefix: TempPrefix) {
    this.prefix = prefix
    const files = new LogFiles()
    const target = { kind: 'file', path: prefix.file('logs/error.log') } as const
    const log = new ErrorLog(files, [{ target, level: 'info' }])
    const transport = createTransport({ log })
    const zones = new Map<string, PeerZone>()
    let connections = 0
    this.#accessLogs = new AccessLogWriter(files, transport)
    this.#subsystem = createStreamSubsystem({
      transport,
      log,
      timers: new TimingWheel(transport.clock),
      accessLogs: this.#accessLogs,
      zoneMemory: privateZoneMemory(),
      peerZone: (name) => {
        return zones.getOrInsertComputed(name, () => createPrivateZone(zonePeers))
      },
      errorLog: () => log,
      nextConnection: () => (connections += 1),
    })
    this.#listeners = new ListenerSet(transport, new LocalDescriptorSource(log), log)
    this.#close = () => {
      this.#listeners.close()
      transport.close()
      files.close()
    }
  }

  get part(): StreamPart {
    return this.#snapshot!.parts.get('stream') as StreamPart
  }

  get engine(): StreamSubsystem['engine'] {
    return this.#subsystem.engine
  }

  get errorLog(): string {
    return this.prefix.read('logs/error.log')
  }

  /** The tree in force. */
  get tree(): Directive {
    return this.#snapshot!.tree
  }

  /** Reads a text as the body of `stream` and takes it into use. */
  async load(stream: string): Promise<void> {
    await this.apply(this.parse(stream))
  }

  parse(stream: string): Directive {
    const path = this.prefix.file('conf/test.conf')
    const reader = createDiskReader()
    const text = `stream {\n${stream}\n}\n`
    const configuration = configurationFromText(text, path, reader)
    const diagnostics = checkConfiguration(configuration, table)
    if (diagnostics.length > 0) throw new ConfigurationFault(diagnostics)
    return configuration.main
  }

  /** Compiles a tree and takes it into use, or fails and changes nothing. */
  async apply(tree: Directive): Promise<void> {
    const session = new CompileSession({
      table,
      prefix: this.prefix.path,
      confPrefix: this.prefix.file('conf'),
      dryRun: false,
    })
    try {
      const snapshot = compileTree(tree, [this.#subsystem], session, this.#snapshot)
      if (session.failed) throw new ConfigurationFault(session.diagnostics)
      await session.prepare()
      const part = snapshot.parts.get('stream') as StreamPart
      const listening = await this.#listeners.prepare(part.listeners)
      session.commit()
      listening.commit()
      this.#snapshot = snapshot
      this.warnings = session.diagnostics.map(({ message }) => message)
    } catch (error) {
      session.abort()
      throw error
    }
  }

  flushLogs(): void {
    this.#accessLogs.flush()
  }

  close(): void {
    this.#close()
  }
}

/** Starts the engine on the body of a `stream` block. */
export async function startStream(
  owner: Owner,
  stream: string,
  files: Files = {},
): Promise<StreamRunner> {
  const runner = new StreamRunner(makeTempPrefix(owner, files))
  onEnd(owner, () => runner.close())
  await runner.load(stream)
  return runner
}

/** The messages with which a configuration is refused, as `nginx -t` would print them. */
export async function refusalOf(owner: Owner, stream: string): Promise<readonly string[]> {
  const runner = new StreamRunner(makeTempPrefix(owner))
  onEnd(owner, () => runner.close())
  const fault: unknown = await runner.load(stream).then(
    () => undefined,
    (error: unknown) => error,
  )
  assert(fault instanceof ConfigurationFault, `accepted, or failed otherwise: ${String(fault)}`)
  return fault.diagnostics.map((one) =>
    formatDiagnostic(one).replaceAll(`${runner.prefix.path}/`, ''),
  )
}

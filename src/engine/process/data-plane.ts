/**
 * The data plane of one process: services, subsystems, listeners, and the configuration they run.
 *
 * Workers have one that gets its sockets from the master; the single process has one of its own.
 */
import { wantsKeyValues } from '../control/http-modules.ts'
import { ErrorLog, type Log, LogFiles, type LogRule } from '../core/log.ts'
import type { AnyModule } from '../core/module.ts'
import { ModuleTable } from '../core/module-table.ts'
import type { FetchFiles } from '../core/protected-files.ts'
import { trafficDumperOf } from '../modules/traffic/traffic-dumper.ts'
import { probersOf } from '../modules/upstreams/upstream-probers.ts'
import type { DescriptorSource } from '../net/descriptor-source.ts'
import { SyslogSockets } from '../net/syslog-sockets.ts'
import { createSubsystems, type ServingSubsystem } from './built-ins.ts'
import { Configuration, ConfigurationError } from './configuration.ts'
import { ConnectionLimit, limitedListening } from './connection-limit.ts'
import { SnapshotListeners } from './listening.ts'
import { loadModules } from './load-module.ts'
import type { ReadConfiguration } from './read-configuration.ts'
import { Runtime } from './runtime.ts'
import { createServices, type ServingServices } from './services.ts'

/** How late the end of the last connection may be noticed. */
const drainTurnMs = 20

export interface DataPlaneOptions {
  readonly source: DescriptorSource
  readonly sharedMemory: string
  readonly logRules: readonly LogRule[]
  readonly owner: { readonly uid: number; readonly gid: number } | undefined
  /** Connections that may be open at once; as many as the system allows unless given. */
  readonly connectionsMax?: number
  /** Modules that are built in here; those of every process unless given. */
  readonly modules?: readonly AnyModule[]
  /** Reads files that this process may not. */
  readonly fetchFiles?: FetchFiles | undefined
  /** True: compile, but open nothing. */
  readonly dryRun?: boolean
}

export class DataPlane {
  readonly runtime: Runtime
  readonly log: Log
  readonly #files = new LogFiles(new SyslogSockets())
  readonly #services: ServingServices
  readonly #subsystems: readonly ServingSubsystem[]
  readonly #listeners: SnapshotListeners
  readonly #limit: ConnectionLimit
  #errorLog: ErrorLog

  constructor(options: DataPlaneOptions) {
    const { source, sharedMemory, logRules, owner, modules, dryRun = false } = options
    this.#errorLog = new ErrorLog(this.#files, logRules)
    this.log = {
      write: (level, message, connection) => this.#errorLog.write(level, message, connection),
      takes: (level) => this.#errorLog.takes(level),
    }
    const { log } = this
    this.#services = createServices({ log, files: this.#files, sharedMemory, owner })
    this.#subsystems = createSubsystems(this.#services)
    const { connectionsMax = Infinity } = options
    this.#limit = new ConnectionLimit(connectionsMax, () => this.connections, log)
    this.#listeners = new SnapshotListeners({
      contexts: this.#subsystems.map(({ context }) => context),
      transport: limitedListening(this.#services.transport, this.#limit),
      source,
      log,
    })
    this.runtime = new Runtime({
      configure: (read, last) => configure(read, last, this.#subsystems, modules),
      listening: this.#listeners,
      fetchFiles: options.fetchFiles,
      dryRun,
    })
  }

  /** Log files that are open. */
  get logs(): readonly string[] {
    return this.#files.paths
  }

  /** Keeps what the configuration in force wants beside its listeners; done while still root. */
  follow(): void {
    const { tree } = this.runtime.dynamic
    if (wantsKeyValues(tree)) this.#services.keyValues.follow(this.runtime.prefix)
  }

  /** Errors go elsewhere from now on. */
  useLog(rules: readonly LogRule[]): void {
    this.#errorLog = new ErrorLog(this.#files, rules)
  }

  /** Takes another `worker_connections` into use. */
  limitConnections(max: number): void {
    this.#limit.max = max
  }

  /** Zones that may grow from now on. */
  letZonesGrow(zones: readonly string[]): void {
    this.#services.zoneMemory.letGrow(zones)
  }

  /** Connections that are open, to clients and upstreams. */
  get connections(): number {
    return this.#subsystems.reduce((sum, subsystem) => sum + subsystem.connections(), 0)
  }

  reopenLogs(): void {
    this.#services.accessLogs.flush()
    this.#files.reopen()
  }

  /** Stops accepting and waits until what is under way has ended, or for the given time. */
  async drain(timeoutMs: number | undefined): Promise<void> {
    this.#listeners.close()
    probersOf(this.#services).stop()
    const idle = Promise.all(this.#subsystems.map((subsystem) => subsystem.drain()))
    await withLimit(idle, timeoutMs)
    this.#services.accessLogs.flush()
  }

  /** Ends everything at once. `onLastWork` is called before something is written that takes a while. */
  close(onLastWork?: () => void): void {
    this.#listeners.close()
    probersOf(this.#services).stop()
    this.#services.accessLogs.flush()
    this.#services.transport.close()
    // When nothing is counted any more.
    trafficDumperOf(this.#services).end(onLastWork)
    void this.#services.keyValues.close()
    this.#files.close()
  }
}

/** The modules stay the same objects while the configuration loads the same: so does all that was compiled. */
export async function configure(
  read: ReadConfiguration,
  last: Configuration | undefined,
  subsystems: readonly ServingSubsystem[],
  builtIn?: readonly AnyModule[],
): Promise<Configuration> {
  const { modules, diagnostics } = await loadModules(read.tree, read.files.prefix, builtIn)
  if (diagnostics.length > 0) throw new ConfigurationError(diagnostics)
  if (last !== undefined && sameList(last.table.modules, modules)) return last.withFiles(read)
  return new Configuration(read, new ModuleTable(modules), subsystems)
}

function sameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i])
}

/**
 * Waits for what socket events settle. Those come from outside of Node's own callbacks, after which nothing
 * runs the continuations of promises: while one waits, Node's loop has to turn.
 */
async function withLimit(work: Promise<unknown>, ms: number | undefined): Promise<void> {
  const turning = setInterval(() => undefined, drainTurnMs)
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = ms === undefined ? undefined : setTimeout(resolve, ms)
  await Promise.race([work, promise])
  clearTimeout(timer)
  clearInterval(turning)
}

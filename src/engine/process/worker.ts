/**
 * A worker's part in the engine: serves what its data plane has compiled, and follows the configuration.
 */
import { chownSync } from 'node:fs'
import { loadName } from '../control/loaded-modules.ts'
import type { Log } from '../core/log.ts'
import type { FetchFiles } from '../core/protected-files.ts'
import type { VitalsReporter } from '../modules/process-vitals.ts'
import type { DescriptorSource } from '../net/descriptor-source.ts'
import { program, writeStderr } from './announcer.ts'
import { DataPlane } from './data-plane.ts'
import { faultText } from './fault-text.ts'
import type { Participant } from './membership.ts'
import type { Change, ChildIdentity, LeftOutNote, State } from './messages.ts'
import { isSettingKey, settingsWith } from './live-settings.ts'
import { controlModule } from './built-in-copilots.ts'
import { placeOf } from './place.ts'
import { applyLimits, becomeUser } from './privileges.ts'
import { readTexts } from './read-configuration.ts'
import { reportVitals } from './report-vitals.ts'
import { ReadAhead } from './read-ahead.ts'
import { readSettings, type Settings } from './settings.ts'

export class Worker implements Participant {
  readonly #source: DescriptorSource
  readonly #fetchFiles: FetchFiles | undefined
  readonly #onLastWork: (() => void) | undefined
  #plane: DataPlane | undefined
  #settings: Settings | undefined
  /** True while a change is prepared that brings other settings. */
  #bringsSettings = false
  /** Of the configuration in force. */
  #revision = 0
  #vitals: VitalsReporter | undefined
  readonly #readAhead = new ReadAhead()

  /** `onLastWork` is called when it ends and first has something to write that takes a while. */
  constructor(source: DescriptorSource, fetchFiles?: FetchFiles, onLastWork?: () => void) {
    this.#onLastWork = onLastWork
    this.#source = source
    this.#fetchFiles = fetchFiles
  }

  /** The error log of its configuration; what goes wrong before there is one goes to standard error. */
  get log(): Log {
    return this.#plane?.log ?? earlyLog
  }

  get revision(): number {
    return this.#revision
  }

  async load(state: State, { sharedMemory }: ChildIdentity): Promise<readonly LeftOutNote[]> {
    const settings = settingsOf(state)
    this.#settings = settings
    const { logRules, user: owner, worker_connections: connectionsMax } = settings
    this.#plane = new DataPlane({
      source: this.#source,
      fetchFiles: this.#fetchFiles,
      sharedMemory,
      logRules,
      owner,
      connectionsMax,
    })
    this.#plane.letZonesGrow(settings.zone_autoscale)
    const leftOut = await this.#plane.runtime.load(state)
    this.#plane.follow()
    this.#revision = state.revision
    this.#reportVitals(sharedMemory)
    return leftOut
  }

  async prepare(change: Change): Promise<readonly LeftOutNote[]> {
    this.#bringsSettings =
      change.files !== undefined || change.edits.some(({ key }) => isSettingKey(key))
    return this.#plane!.runtime.prepare(change)
  }

  commit(revision: number): void {
    this.#plane!.runtime.commit()
    this.#revision = revision
    if (!this.#bringsSettings) return
    const { dynamic, files } = this.#plane!.runtime
    this.#settings = readSettings(dynamic.tree, placeOf(files)).settings
    this.#plane!.useLog(this.#settings.logRules)
    this.#plane!.limitConnections(this.#settings.worker_connections)
    this.#plane!.letZonesGrow(this.#settings.zone_autoscale)
    this.#plane!.follow()
    this.#expectChanges()
  }

  abort(): void {
    this.#plane?.runtime.abort()
  }

  /** Memory is opened before root is given up. */
  #reportVitals(sharedMemory: string): void {
    const plane = this.#plane!
    const home = { sharedMemory, owner: this.#settings!.user, log: plane.log }
    this.#vitals = reportVitals(home, {
      role: 'worker',
      connections: () => plane.connections,
      revision: () => this.#revision,
    })
  }

  /** Ports are asked for and files opened before root is given up. */
  async serve(): Promise<readonly string[]> {
    const plane = this.#plane!
    const settings = this.#settings!
    applyLimits(settings, plane.log)
    await plane.runtime.serve()
    giveLogs(plane.logs, settings)
    becomeUser(settings)
    this.#expectChanges()
    return plane.logs
  }

  /** Where control runs, somebody may change what the files say. */
  #expectChanges(): void {
    const { helper: helpers } = this.#settings!
    if (helpers.some(({ module }) => loadName(module) === controlModule)) {
      this.#readAhead.begin(this.#plane!.runtime.dynamic)
    }
  }

  /** Ends when all connections have, or when `worker_shutdown_timeout` is over. */
  async drain(): Promise<void> {
    if (this.#plane === undefined) return
    this.#plane.log.write('notice', 'gracefully shutting down')
    await this.#plane.drain(this.#settings?.worker_shutdown_timeout)
    this.close()
  }

  close(): void {
    this.#readAhead.stop()
    this.#vitals?.stop()
    this.#vitals = undefined
    this.#plane?.close(this.#onLastWork)
  }

  reopenLogs(): void {
    this.#plane?.log.write('notice', 'reopening logs')
    this.#plane?.reopenLogs()
  }

  /** The last words of a worker to which something impossible happened. */
  onFault(error: unknown): void {
    this.log.write('alert', `worker process fails: ${faultText(error)}`)
  }
}

const earlyLog: Log = {
  write: (level, message) => writeStderr(`${program}: [${level}] ${message}\n`),
  takes: () => true,
}

function settingsOf(state: State): Settings {
  return settingsWith(readTexts(state.files).tree, state)
}

/** The user that a worker becomes opens its logs again later. */
function giveLogs(paths: readonly string[], { user }: Settings): void {
  if (user === undefined || process.getuid!() !== 0) return
  for (const path of paths) chownSync(path, user.uid, -1)
}

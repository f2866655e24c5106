/** Compiles stream configurations for tests. */
import type { Directive } from '../conf/tree.ts'
import { LogFiles, silentLog } from '../core/log.ts'
import { ModuleTable } from '../core/module-table.ts'
import { applyTree } from '../core/snapshot.fixture.ts'
import type { Snapshot } from '../core/snapshot.ts'
import { AccessLogWriter } from '../modules/access-log.ts'
import { privateZoneMemory } from '../core/zone-memory.ts'
import { createTransport } from '../net/create-transport.ts'
import { TimingWheel } from '../net/timing-wheel.ts'
import { createPrivateZone } from '../upstream/peer-zone.ts'
import { streamModules } from './built-in-modules.ts'
import type { StreamPart } from './part.ts'
import { createStreamSubsystem, type StreamSubsystem } from './subsystem.ts'

const table = new ModuleTable(streamModules)

function createSubsystem(): StreamSubsystem {
  const transport = createTransport({ log: silentLog, kind: 'node' })
  return createStreamSubsystem({
    transport,
    log: silentLog,
    timers: new TimingWheel(transport.clock),
    accessLogs: new AccessLogWriter(new LogFiles(), transport),
    zoneMemory: privateZoneMemory(),
    peerZone: () => createPrivateZone(64),
    errorLog: () => silentLog,
    nextConnection: () => 1,
  })
}

/** Compiles one tree after the other and takes each into use, without opening anything. */
export class StreamCompiler {
  readonly subsystem: StreamSubsystem = createSubsystem()
  snapshot: Snapshot | undefined
  messages: readonly string[] = []

  get part(): StreamPart {
    return this.snapshot!.parts.get('stream') as StreamPart
  }

  /** Takes the tree into use; false when it is refused, and then nothing has changed. */
  apply(tree: Directive, edits = false): boolean {
    const { subsystem, snapshot: before } = this
    const { snapshot, messages } = applyTree(tree, { subsystem, table, before, edits })
    this.messages = messages
    if (snapshot === undefined) return false
    this.snapshot = snapshot
    return true
  }
}

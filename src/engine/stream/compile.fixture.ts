/** Compiles stream configurations for tests. */
import type { Directive } from '../conf/tree.ts'
import { CompileSession } from '../core/compile-session.ts'
import { LogFiles, silentLog } from '../core/log.ts'
import { ModuleTable } from '../core/module-table.ts'
import { compileTree, type Snapshot } from '../core/snapshot.ts'
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
    const place = { prefix: '/p', confPrefix: '/p' }
    const session = new CompileSession({ table, ...place, dryRun: false, edits })
    const snapshot = compileTree(tree, [this.subsystem], session, this.snapshot)
    this.messages = session.diagnostics.map(({ message }) => message)
    if (session.failed) {
      session.abort()
      return false
    }
    session.commit()
    this.snapshot = snapshot
    return true
  }
}

/** What the serving subsystems are given by the process they run in, and what it takes back at the end. */
import { ConfError } from '../conf/diagnostics.ts'
import { ErrorLog, type Log, type LogFiles, type LogRule } from '../core/log.ts'
import type { Scope } from '../core/scope.ts'
import { SharedZoneMemory } from '../core/zone-memory.ts'
import { AccessLogWriter } from '../modules/access-log.ts'
import { createTransport } from '../net/create-transport.ts'
import { errnoText } from '../net/errors.ts'
import { TimingWheel } from '../net/timing-wheel.ts'
import type { Transport } from '../net/transport.ts'
import type { Chance } from '../upstream/balancers/random.ts'
import type { PeerZone, ZonePlace } from '../upstream/peer-zone.ts'
import { PeerZones } from '../upstream/peer-zones.ts'
import { KeyValueCache } from './key-value-cache.ts'
import { main } from './modules/main.ts'
import { product, type Product } from './product.ts'

export interface ServicesOptions {
  readonly log: Log
  readonly files: LogFiles
  /** Name of the engine's shared memory. */
  readonly sharedMemory: string
  /** Whose the shared memory is, where workers give up root. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined
}

/** Meets what `http` and `stream` ask for. */
export interface ServingServices {
  readonly transport: Transport
  /** For what concerns no connection. */
  readonly log: Log
  readonly timers: TimingWheel
  readonly accessLogs: AccessLogWriter
  readonly zoneMemory: SharedZoneMemory
  readonly chance: Chance
  readonly product: Product
  readonly keyValues: KeyValueCache
  peerZone(name: string, bytes: number | undefined): PeerZone
  errorLog(scope: Scope): Log
  nextConnection(): number
}

export function createServices({
  log,
  files,
  sharedMemory,
  owner,
}: ServicesOptions): ServingServices {
  const transport = createTransport({ log })
  const home = { instance: sharedMemory, owner }
  const zoneMemory = new SharedZoneMemory(() => home)
  let connections = 0
  return {
    transport,
    log,
    timers: new TimingWheel(transport.clock),
    accessLogs: new AccessLogWriter(files, transport),
    zoneMemory,
    chance: Math.random,
    product,
    keyValues: new KeyValueCache(log),
    peerZone: createPeerZones({ ...home, mayGrow: (zone) => zoneMemory.mayGrow(zone) }),
    errorLog: createErrorLogs(log, files),
    nextConnection: () => (connections += 1),
  }
}

/** Zones by name and size. One whose size stands elsewhere is found when that place was read. */
function createPeerZones(memory: ZonePlace): (name: string, bytes: number | undefined) => PeerZone {
  const zones = new PeerZones(memory)
  return (name, bytes) => {
    const zone = zones.open(name, bytes)
    if (zone === undefined) throw new ConfError(`zero size shared memory zone "${name}"`)
    return zone
  }
}

/** One log for each list of rules; a block without rules of its own has the list of the block around it. */
function createErrorLogs(log: Log, files: LogFiles): (scope: Scope) => Log {
  const known = new WeakMap<readonly LogRule[], Log>()
  return (scope) => {
    const { error_log: rules } = scope.conf(main)
    if (rules.length === 0 || rules === mainRules(scope)) return log
    const found = known.get(rules) ?? open(rules, files)
    known.set(rules, found)
    return found
  }
}

function mainRules(scope: Scope): readonly LogRule[] {
  let outermost = scope
  while (outermost.parent !== undefined) outermost = outermost.parent
  return outermost.conf(main).error_log
}

/** Opens the files now, so that one that cannot be written is refused with the configuration. */
function open(rules: readonly LogRule[], files: LogFiles): Log {
  for (const { target } of rules) if (target.kind === 'file') openFile(files, target.path)
  return new ErrorLog(files, rules)
}

function openFile(files: LogFiles, path: string): void {
  try {
    files.open(path)
  } catch (error) {
    const reason = errnoText(error as NodeJS.ErrnoException)
    throw new ConfError(`open() "${path}" failed (${reason})`)
  }
}

/**
 * `sysguard_cpu`: the number of workers follows their load (reference §1, row 41).
 *
 * ```text
 *   workers busier than high_threshold, machine below sys_high_threshold   worker_step more, up to max_worker
 *   workers less busy than low_threshold                                   worker_step fewer, down to min_worker
 * ```
 */
import { availableParallelism } from 'node:os'
import { ConfError } from '../conf/diagnostics.ts'
import { parseNumber, parseTimeMs } from '../conf/units.ts'
import { defineModule, type Module, type ValueType } from '../core/module.ts'
import { workersMax } from './limits.ts'

export interface WorkerScaling {
  readonly intervalMs: number
  /** Percent of one processor that workers use on average. */
  readonly lowPercent: number
  readonly highPercent: number
  /** How many workers come or go at a time. */
  readonly step: number
  readonly workersMin: number
  readonly workersMax: number
  /** Percent of all processors beyond which further workers would not help. */
  readonly systemHighPercent: number
}

/** What was measured over one interval. */
export interface WorkerLoad {
  readonly workers: number
  /** Percent of one processor, on average. */
  readonly workerPercent: number
  /** Percent of all processors of the machine. */
  readonly systemPercent: number
}

interface WorkerScalingConf {
  readonly sysguard_cpu: WorkerScaling | undefined
}

const intervalMsMax = 86_400_000
const minuteMs = 60_000
const percentMin = 10
const percentMax = 100

const names = [
  'interval',
  'low_threshold',
  'high_threshold',
  'worker_step',
  'min_worker',
  'max_worker',
  'sys_high_threshold',
] as const

type Name = (typeof names)[number]

/** Reads the arguments of the directive; throws `ConfError`. */
export function parseWorkerScaling(args: readonly string[]): WorkerScaling {
  const given = parametersOf(args)
  const count = (name: Name, usual: number): number =>
    within(given, name, { usual, min: 1, max: workersMax })
  const percent = (name: Name, usual: number): number =>
    within(given, name, { usual, min: percentMin, max: percentMax })
  const scaling: WorkerScaling = {
    intervalMs: intervalOf(given.get('interval')),
    lowPercent: percent('low_threshold', 10),
    highPercent: percent('high_threshold', 70),
    step: count('worker_step', 1),
    workersMin: count('min_worker', 1),
    workersMax: count('max_worker', Math.min(availableParallelism(), workersMax)),
    systemHighPercent: percent('sys_high_threshold', 80),
  }
  inOrder(scaling.lowPercent, scaling.highPercent, ['low_threshold', 'high_threshold'])
  inOrder(scaling.workersMin, scaling.workersMax, ['min_worker', 'max_worker'])
  return scaling
}

/** How many workers there should be; as many as there are where nothing is to be done. */
export function scaledWorkerCount(
  { workers, workerPercent, systemPercent }: WorkerLoad,
  scaling: WorkerScaling,
): number {
  const { lowPercent, highPercent, step, workersMin, systemHighPercent } = scaling
  if (workerPercent > highPercent && systemPercent <= systemHighPercent) {
    return Math.max(workers, Math.min(workers + step, scaling.workersMax))
  }
  if (workerPercent < lowPercent) return Math.min(workers, Math.max(workers - step, workersMin))
  return workers
}

/** The module; outside of control's configuration its directive is refused. */
export function defineWorkerScaling(inControl: boolean): Module<WorkerScalingConf> {
  const value: ValueType<WorkerScaling> = {
    describe:
      '[interval=minutes | time] [low_threshold=percent] [high_threshold=percent] [worker_step=number] [min_worker=number] [max_worker=number] [sys_high_threshold=percent]',
    parse: (args) => {
      if (inControl) return parseWorkerScaling(args)
      throw new ConfError('"sysguard_cpu" belongs to the configuration of the ctrl copilot')
    },
  }
  return defineModule<WorkerScalingConf>({
    id: 'control.worker_scaling',
    loadNames: ['sysguard_cpu_module'],
    directives: {
      sysguard_cpu: {
        contexts: ['main'],
        args: [0, names.length],
        syntax: `sysguard_cpu ${value.describe}`,
        value,
        default: undefined,
        doc: 'Adds workers while they are busy, and ends some while they are not.',
      },
    },
  })
}

function parametersOf(args: readonly string[]): ReadonlyMap<Name, string> {
  const given = new Map<Name, string>()
  for (const arg of args) {
    const at = arg.indexOf('=')
    const name = names.find((known) => known === arg.slice(0, Math.max(at, 0)))
    if (name === undefined) throw new ConfError(`invalid parameter "${arg}"`)
    if (given.has(name)) throw new ConfError(`duplicate parameter "${arg}"`)
    given.set(name, arg.slice(at + 1))
  }
  return given
}

/** Minutes where it is a mere number, as in OpenNJet. */
function intervalOf(text: string | undefined): number {
  if (text === undefined) return minuteMs
  const minutes = parseNumber(text)
  const ms = minutes === undefined ? parseTimeMs(text) : minutes * minuteMs
  if (ms !== undefined && ms > 0 && ms <= intervalMsMax) return ms
  throw new ConfError(`invalid parameter "interval=${text}"`)
}

function within(
  given: ReadonlyMap<Name, string>,
  name: Name,
  { usual, min, max }: { readonly usual: number; readonly min: number; readonly max: number },
): number {
  const text = given.get(name)
  if (text === undefined) return usual
  const value = parseNumber(text)
  if (value !== undefined && value >= min && value <= max) return value
  throw new ConfError(`"${name}" must be a number from ${min} to ${max}, not "${text}"`)
}

function inOrder(low: number, high: number, [lower, higher]: readonly [Name, Name]): void {
  if (low > high) throw new ConfError(`"${lower}" must not be above "${higher}"`)
}

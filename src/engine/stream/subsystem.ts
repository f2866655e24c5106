/** The stream subsystem: what the process layer puts beside `http` in a snapshot. */
import type { ModuleTable } from '../core/module-table.ts'
import type { Subsystem } from '../core/snapshot.ts'
import { variablesOf } from '../core/module-variables.ts'
import { type VariableHost, VariableNames, type VariableTable } from '../core/variables.ts'
import { streamModules } from './built-in-modules.ts'
import { compileStream } from './compile.ts'
import { StreamEngine } from './engine.ts'
import type { AnyStreamModule } from './module.ts'
import type { StreamPart } from './part.ts'
import type { StreamServices } from './services.ts'

export interface StreamSubsystem extends Subsystem<StreamPart> {
  readonly context: 'stream'
  readonly engine: StreamEngine
}

/** One per process: names of variables keep their slots for its life. */
export function createStreamSubsystem(services: StreamServices): StreamSubsystem {
  const engine = new StreamEngine(services)
  const names = new VariableNames()
  const known = new WeakMap<ModuleTable, Loaded>()
  return {
    context: 'stream',
    engine,
    compile(input) {
      const { table } = input.session
      const loaded = known.getOrInsertComputed(table, () => load(table, names))
      return compileStream({ ...input, engine, ...loaded })
    },
  }
}

interface Loaded {
  readonly modules: readonly AnyStreamModule[]
  readonly variables: VariableTable<VariableHost>
}

function load(table: ModuleTable, names: VariableNames): Loaded {
  const modules = inPhaseOrder(table)
  return {
    modules,
    variables: variablesOf(modules, names, ({ stream }) => stream.variablePrefixes),
  }
}

/** Modules that were loaded come before those that are always there, the last one first, as in nginx. */
function inPhaseOrder({ modules }: ModuleTable): readonly AnyStreamModule[] {
  const all = modules.filter((module): module is AnyStreamModule => 'stream' in module)
  const loaded = all.filter((module) => !isAlwaysThere(module))
  return [...loaded.toReversed(), ...all.filter(isAlwaysThere)]
}

function isAlwaysThere(module: AnyStreamModule): boolean {
  return streamModules.includes(module) && module.mustBeLoaded !== true
}

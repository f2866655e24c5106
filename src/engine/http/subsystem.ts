/** The HTTP subsystem: what the process layer puts beside `stream` in a snapshot. */
import type { ModuleTable } from '../core/module-table.ts'
import type { Subsystem } from '../core/snapshot.ts'
import { variablesOf } from '../core/module-variables.ts'
import { VariableNames } from '../core/variables.ts'
import { compileHttp, type HttpCompileInput } from './compile.ts'
import { HttpEngine } from './engine.ts'
import { HookTable } from './hook-table.ts'
import type { AnyHttpModule } from './module.ts'
import type { HttpPart } from './part.ts'
import type { HttpServices } from './services.ts'

export interface HttpSubsystem extends Subsystem<HttpPart> {
  readonly context: 'http'
  readonly engine: HttpEngine
}

/** One per process: names of variables keep their slots for its life. */
export function createHttpSubsystem(services: HttpServices): HttpSubsystem {
  const engine = new HttpEngine(services)
  const names = new VariableNames()
  const known = new WeakMap<ModuleTable, Loaded>()
  return {
    context: 'http',
    engine,
    compile(input) {
      const { table } = input.session
      const loaded = known.getOrInsertComputed(table, () => load(table, names))
      return compileHttp({ ...input, engine, ...loaded })
    },
  }
}

type Loaded = Pick<HttpCompileInput, 'modules' | 'hooks' | 'definers' | 'variables'>

function load(table: ModuleTable, names: VariableNames): Loaded {
  const modules = table.modules.filter((module): module is AnyHttpModule => 'http' in module)
  const variables = variablesOf(modules, names, ({ http }) => http.prefixes)
  const definers = new Map(modules.flatMap(({ http }) => Object.entries(http.variableBlocks ?? {})))
  return { modules, hooks: new HookTable(modules), definers, variables }
}

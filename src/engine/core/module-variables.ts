/** The variables that the modules of a subsystem give to it, as one table. */
import type { AnyModule } from './module.ts'
import {
  type VariableDefinition,
  type VariableHost,
  type VariableNames,
  type VariablePrefix,
  VariableTable,
} from './variables.ts'

/** `prefixesOf`: the families of variables of a module, such as `http_`, which subsystems keep in their own place. */
export function variablesOf<M extends AnyModule>(
  modules: readonly M[],
  names: VariableNames,
  prefixesOf: (module: M) => readonly unknown[] | undefined,
): VariableTable<VariableHost> {
  const definitions = new Map<string, VariableDefinition<VariableHost>>()
  const prefixes: VariablePrefix<VariableHost>[] = []
  for (const module of modules) {
    for (const [name, definition] of Object.entries(module.variables ?? {})) {
      definitions.set(name, definition as VariableDefinition<VariableHost>)
    }
    prefixes.push(...((prefixesOf(module) ?? []) as VariablePrefix<VariableHost>[]))
  }
  return new VariableTable(names, definitions, prefixes)
}

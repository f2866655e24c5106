/** HTTP's part of a snapshot. */
import type { Directive } from '../conf/tree.ts'
import type { ModuleTable } from '../core/module-table.ts'
import type { PersistentMap } from '../core/persistent-map.ts'
import type { Scope } from '../core/scope.ts'
import type { VariableTable } from '../core/variables.ts'
import type { UpstreamTable } from '../modules/upstreams/upstream-cells.ts'
import type { ListenPlan } from '../net/listen-plan.ts'
import type { MimeTypes } from './mime-types.ts'
import type { Request } from './request.ts'
import type { HttpPortTable } from './server.ts'

export interface HttpPart {
  readonly node: Directive
  readonly scope: Scope
  readonly modules: ModuleTable
  readonly variables: VariableTable<Request>
  readonly ports: HttpPortTable
  /** Types of paths, as the http block has them. */
  readonly types: MimeTypes
  readonly upstreams: UpstreamTable
  /** How many servers declare each variable by `set`. */
  readonly declared: PersistentMap<number>
  /** How many servers were compiled to get here from the part before: the cost of the change. */
  readonly compiled: number
  readonly listeners: PersistentMap<ListenPlan>
}

/** What the master itself needs of a configuration: the directives of the main context, as plain data. */
import { blockOf, directives, findDirective } from '../conf/block.ts'
import type { Diagnostic } from '../conf/diagnostics.ts'
import { checkBlock } from '../conf/check.ts'
import { type Directive, reportedAt } from '../conf/tree.ts'
import { CompileSession } from '../core/compile-session.ts'
import type { LogRule } from '../core/log.ts'
import { ModuleTable } from '../core/module-table.ts'
import { createScope, type Scope } from '../core/scope.ts'
import { events } from './modules/events.ts'
import { main, type MainConf } from './modules/main.ts'
import type { Place } from './place.ts'

/** Modules of the main context; the master knows no others. */
export const mainModules: readonly [typeof main, typeof events] = [main, events]

export interface Settings extends Omit<MainConf, 'pid'> {
  readonly pid: string
  readonly logRules: readonly LogRule[]
  readonly worker_connections: number
}

export interface SettingsResult {
  readonly settings: Settings
  readonly diagnostics: readonly Diagnostic[]
}

const table = new ModuleTable(mainModules)

export function readSettings(tree: Directive, place: Place): SettingsResult {
  const shapes = checkOwn(tree)
  const session = new CompileSession({ table, dryRun: true, ...place })
  const scope = createScope({
    context: 'main',
    parent: undefined,
    block: tree.block,
    session,
    variables: undefined,
  })
  const conf = scope.conf(main)
  const inner = eventsScope(tree, scope, session)
  checkUser(tree, conf, session)
  const settings = {
    ...conf,
    pid: conf.pid || session.prefixPath('logs/trijet.pid'),
    logRules: conf.error_log.length > 0 ? conf.error_log : [defaultRule(place)],
    worker_connections: inner.conf(events).worker_connections,
  }
  return { settings, diagnostics: [...shapes, ...session.diagnostics] }
}

/** Where errors go while no configuration says it. */
export function defaultRule({ errorLog }: Pick<Place, 'errorLog'>): LogRule {
  const target =
    errorLog === 'stderr'
      ? ({ kind: 'stderr' } as const)
      : ({ kind: 'file', path: errorLog } as const)
  return { target, level: 'error' }
}

/** Arity and the like of the master's own directives; the workers look at all others. */
function checkOwn(tree: Directive): readonly Diagnostic[] {
  const own = [...directives(tree.block!)].filter(({ name }) => table.find('main', name))
  return checkBlock(blockOf(own), 'main', table)
}

function eventsScope(tree: Directive, parent: Scope, session: CompileSession): Scope {
  const node = findDirective(tree.block, 'events')
  if (node === undefined) session.fail('no "events" section in configuration')
  return createScope({
    context: 'events',
    parent,
    block: node?.block,
    session,
    variables: undefined,
  })
}

function checkUser(tree: Directive, conf: MainConf, session: CompileSession): void {
  if (conf.user === undefined || process.getuid?.() === 0) return
  const why = 'makes sense only if the master process runs with super-user privileges, ignored'
  const node = findDirective(tree.block, 'user')!
  session.warn(`the "user" directive ${why}`, { ...node, at: reportedAt(node) })
}

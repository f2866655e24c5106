/**
 * What the modules declare, as entries of a reference: `trijet help` and the pages in `docs/reference/` say
 * the same because both are made of these.
 */
import type { AnyModule, BlockRow, Context, Row } from '../engine/core/module.ts'
import { describeSecret } from '../engine/core/secret.ts'

export interface DirectiveEntry {
  readonly name: string
  /** `proxy_pass URL;`, without what a block holds. */
  readonly syntax: string
  /** As it would be written; `undefined` where there is none. */
  readonly fallback: string | undefined
  readonly contexts: readonly string[]
  readonly doc: string
  /** Id of its module. */
  readonly module: string
  readonly mayRepeat: boolean
  /** What of it admins alone are shown by control. */
  readonly secret: string | undefined
}

/** In the order of the modules, and within one as they are declared, blocks first. */
export function entriesOf(modules: readonly AnyModule[]): readonly DirectiveEntry[] {
  return modules.flatMap((module) => [
    ...Object.entries(module.blocks ?? {}).map(([name, row]) => blockEntry(name, row, module.id)),
    ...Object.entries(module.directives as Readonly<Record<string, Row<unknown>>>).map(
      ([name, row]) => simpleEntry(name, row, module.id),
    ),
  ])
}

function blockEntry(name: string, row: BlockRow, module: string): DirectiveEntry {
  return {
    name,
    syntax: row.syntax,
    fallback: undefined,
    contexts: row.contexts.map(contextName),
    doc: row.doc,
    module,
    mayRepeat: row.repeated,
    secret: undefined,
  }
}

function simpleEntry(name: string, row: Row<unknown>, module: string): DirectiveEntry {
  return {
    name,
    syntax: `${row.syntax};`,
    fallback: fallbackOf(name, row),
    contexts: row.contexts.map(contextName),
    doc: row.doc,
    module,
    mayRepeat: row.merge !== undefined,
    secret: row.secret === undefined ? undefined : describeSecret(row.secret),
  }
}

const contextNames: Readonly<Partial<Record<Context, string>>> = {
  'http.server.if': 'if in server',
  'http.location.if': 'if in location',
  'http.limit_except': 'limit_except',
}

/** `server`, `location`: as nginx's own reference calls them; the subsystem stands in the module's id. */
function contextName(context: Context): string {
  return contextNames[context] ?? context.slice(context.lastIndexOf('.') + 1)
}

const units = {
  time: [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'm'],
    [1000, 's'],
    [1, 'ms'],
  ],
  size: [
    [1_073_741_824, 'g'],
    [1_048_576, 'm'],
    [1024, 'k'],
    [1, ''],
  ],
} as const

/** Values that are more than a word are explained by the text, if at all. */
function fallbackOf(
  name: string,
  { default: value, value: type }: Row<unknown>,
): string | undefined {
  // A directive without arguments: whether it stands there is what it says.
  if (type.describe === '') return undefined
  if (typeof value === 'boolean') return `${name} ${value ? 'on' : 'off'};`
  if (typeof value === 'string') return value === '' ? undefined : `${name} ${value};`
  if (typeof value === 'number' && Number.isFinite(value)) {
    return `${name} ${writeNumber(value, type.describe)};`
  }
  return undefined
}

function writeNumber(value: number, describe: string): string {
  if (describe !== 'time' && describe !== 'size') return `${value}`
  if (value === 0) return '0'
  const [amount, unit] = units[describe].find(([one]) => value % one === 0)!
  return `${value / amount}${unit}`
}

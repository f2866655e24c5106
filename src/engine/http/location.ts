/**
 * Locations: what stands between `location` and `{`, and what its requests run. `location-table.ts` finds the
 * one that a path means.
 *
 * ```text
 *   location = /a   exact
 *   location ^~ /a  no-regex     a prefix that keeps expressions out
 *   location /a     prefix
 *   location ~ x    regex
 *   location @a     named        only by internal redirects
 *   location ($b)   condition
 * ```
 */
import { ConfError } from '../conf/diagnostics.ts'
import type { Directive } from '../conf/tree.ts'
import type { Log } from '../core/log.ts'
import { compileRegex, type Regex } from '../core/regex.ts'
import type { Scope } from '../core/scope.ts'
import type { CapturingRegex } from '../modules/captures.ts'
import type { DocumentRoot } from './file-path.ts'
import type { LocationTable } from './location-table.ts'
import {
  type ConditionTree,
  formatCondition,
  isCondition,
  type LocationCondition,
  parseCondition,
} from './location-condition.ts'
import type { MimeTypes } from './mime-types.ts'
import type { Handler, HeaderFilter, LogHandler } from './module.ts'
import type { CoreConf } from './modules/core.ts'

export type LocationKind = 'exact' | 'noRegex' | 'prefix' | 'regex' | 'named' | 'condition'

/** What stands between `location` and `{`. */
export interface LocationPattern {
  readonly kind: LocationKind
  /** Path, prefix, name with its "@", or text of the expression or the condition. */
  readonly text: string
  readonly regex: Regex | undefined
  readonly condition: ConditionTree | undefined
}

/** True where the text is how paths begin, or the path: something else may take its place in a URI. */
export function isPath({ kind }: LocationPattern): boolean {
  return kind === 'exact' || kind === 'noRegex' || kind === 'prefix'
}

export interface Location {
  readonly node: Directive
  readonly scope: Scope
  /** `undefined` for what a server does where no location matches. */
  readonly pattern: LocationPattern | undefined
  readonly expression: CapturingRegex | undefined
  readonly condition: LocationCondition | undefined
  readonly children: LocationTable | undefined
  readonly core: CoreConf
  readonly root: DocumentRoot
  readonly types: MimeTypes
  readonly errorLog: Log
  /** How the product names itself, as `server_tokens` has it. */
  readonly signature: string
  /** Handlers of the rewrite phase. */
  readonly rewrites: readonly Handler[]
  /** Handlers of the phases behind it. */
  readonly handlers: readonly Handler[]
  /** Which of them judge access: from, and up to. */
  readonly accessFrom: number
  readonly accessTo: number
  /** Another server answers here: `/x` is sent to `/x/` where only that is a location. */
  readonly gateway: boolean
  /** What `limit_except` says of all other methods. */
  readonly limited: LimitedMethods | undefined
  readonly contents: readonly Handler[]
  readonly headerFilters: readonly HeaderFilter[]
  readonly logs: readonly LogHandler[]
  /** Groups that it or what stands within it refers to, by each reference; complete on the level of the server only. */
  readonly upstreams: readonly string[]
}

export interface LimitedMethods {
  /** Names of the methods that it does not concern. */
  readonly methods: ReadonlySet<string>
  readonly location: Location
}

const modifiers: Readonly<Record<string, LocationKind>> = {
  '=': 'exact',
  '^~': 'noRegex',
  '~': 'regex',
  '~*': 'regex',
}

/** Parses the arguments of `location`. */
export function parseLocation(args: readonly string[]): LocationPattern {
  if (isCondition(args)) return toConditional(parseCondition(args))
  if (args.length > 2) throw new ConfError('invalid number of arguments in "location" directive')
  const [modifier, text] = splitModifier(args)
  if (args.length < 2 && modifier === '')
    return toPattern(text.startsWith('@') ? 'named' : 'prefix', text, false)
  const kind = Object.hasOwn(modifiers, modifier) ? modifiers[modifier] : undefined
  if (kind === undefined) throw new ConfError(`invalid location modifier "${modifier}"`)
  return toPattern(kind, text, modifier === '~*')
}

/**
 * The modifier, as it may also stand without a space ("=/x", "^~/x", "~*x"), and what it is about; "(" for a
 * condition.
 */
export function splitModifier(args: readonly string[]): readonly [modifier: string, text: string] {
  const [first = '', second] = args
  if (isCondition(args)) return ['(', formatCondition(parseCondition(args))]
  if (second !== undefined) return [first, second]
  const modifier = ['=', '^~', '~*', '~'].find((known) => first.startsWith(known)) ?? ''
  return [modifier, first.slice(modifier.length)]
}

function toPattern(kind: LocationKind, text: string, ignoreCase: boolean): LocationPattern {
  const regex = kind === 'regex' ? compileRegex(text, { ignoreCase }) : undefined
  return Object.freeze({ kind, text, regex, condition: undefined })
}

function toConditional(condition: ConditionTree): LocationPattern {
  const text = `(${formatCondition(condition)})`
  return Object.freeze({ kind: 'condition', text, regex: undefined, condition })
}

export function duplicate(text: string): never {
  throw new ConfError(`duplicate location "${text}"`)
}

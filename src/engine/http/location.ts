/**
 * Locations: which one a path means, by nginx's rules.
 *
 * ```text
 *   location = /a   exact        wins at once
 *   location ^~ /a  no-regex     the longest prefix is remembered; this one keeps expressions out
 *   location /a     prefix
 *   location ~ x    regex        in order, when the longest prefix did not keep them out
 *   location @a     named        only by internal redirects
 *   location ($b)   condition    before all others, in order
 * ```
 *
 * Prefixes stand in a radix tree: a look-up touches each character of the path once, however many
 * locations there are. Nested locations are a table of their own, looked into after the outer one.
 */
import { ConfError } from '../conf/diagnostics.ts'
import type { Directive } from '../conf/tree.ts'
import type { Log } from '../core/log.ts'
import { compileRegex, type Regex } from '../core/regex.ts'
import type { Scope } from '../core/scope.ts'
import { type CapturingRegex, matchInto } from '../modules/captures.ts'
import type { DocumentRoot } from './file-path.ts'
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
import type { Request } from './request.ts'

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

interface TreeNode {
  /** Characters on the way from the parent. */
  text: string
  location: Location | undefined
  /** By their first characters; `undefined` where nothing is longer. */
  children: Map<number, TreeNode> | undefined
}

/** Locations of one level. */
export class LocationTable {
  readonly #exact = new Map<string, Location>()
  readonly #root: TreeNode = { text: '', location: undefined, children: undefined }
  readonly #regexes: Location[] = []
  readonly #named = new Map<string, Location>()
  readonly #conditional: Location[] = []
  /** Paths without the slash at the end that locations of gateways have. */
  readonly #folders = new Set<string>()
  #hasFolders = false

  /** Adds one; throws `ConfError` where the same one stands already. */
  add(location: Location): void {
    const { kind, text } = location.pattern!
    if (kind === 'condition') {
      if (this.#conditional.some(({ pattern }) => pattern!.text === text)) duplicate(text)
      this.#conditional.push(location)
      return
    }
    if (kind === 'regex') {
      this.#regexes.push(location)
      return
    }
    if (kind === 'prefix' || kind === 'noRegex') {
      const node = insert(this.#root, text)
      if (node.location !== undefined) duplicate(text)
      node.location = location
      this.#noteFolder(location, text)
      return
    }
    const table = kind === 'exact' ? this.#exact : this.#named
    if (table.has(text)) duplicate(text)
    table.set(text, location)
    if (kind === 'exact') this.#noteFolder(location, text)
  }

  #noteFolder(location: Location, text: string): void {
    // No path is empty, so the root is none of them.
    if (location.gateway && text.endsWith('/') && text !== '/') this.#folders.add(text.slice(0, -1))
    this.#hasFolders ||= this.#folders.size > 0 || location.children?.hasFolders === true
  }

  /** True when there are such paths here or below. */
  get hasFolders(): boolean {
    return this.#hasFolders
  }

  /** True for a path that is a location only with a slash behind it, and a gateway's: nginx redirects there. */
  sendsToFolder(path: string): boolean {
    if (!this.#hasFolders || this.#exact.has(path)) return false
    const longest = findLongest(this.#root, path)
    if (this.#folders.has(path)) return longest?.pattern!.text !== path
    return longest?.children?.sendsToFolder(path) ?? false
  }

  named(name: string): Location | undefined {
    return this.#named.get(name)
  }

  /** The location for a path, or `undefined`. Groups of an expression are left in the request. */
  find(path: string, request: Request): Location | undefined {
    return this.findConditional(path, request) ?? this.findByPath(path, request)
  }

  /** The first location whose condition holds. */
  findConditional(path: string, request: Request): Location | undefined {
    if (this.#conditional.length === 0) return undefined
    const { captures } = request
    for (const location of this.#conditional) {
      if (location.condition!(request)) {
        const inner = location.children?.find(path, request)
        settled = true
        return inner ?? location
      }
      request.captures = captures
    }
    return undefined
  }

  /** The same where no condition holds. */
  findByPath(path: string, request: Request): Location | undefined {
    settled = true
    const exact = this.#exact.size > 0 ? this.#exact.get(path) : undefined
    if (exact !== undefined) return exact
    const longest = findLongest(this.#root, path)
    if (longest === undefined) return this.#findRegex(path, request)
    const inner = longest.children?.find(path, request)
    if (inner !== undefined && settled) return inner
    const regex = longest.pattern!.kind === 'noRegex' ? undefined : this.#findRegex(path, request)
    settled = regex !== undefined
    return regex ?? inner ?? longest
  }

  #findRegex(path: string, request: Request): Location | undefined {
    for (const location of this.#regexes) {
      if (!matchInto(request, location.expression!, path)) continue
      const inner = location.children?.find(path, request)
      settled = true
      return inner ?? location
    }
    return undefined
  }
}

/**
 * Of the last `find`: true when an exact location, an expression or a condition decided, so that expressions
 * of outer levels are not asked; a prefix leaves it open to them.
 */
let settled = false

function duplicate(text: string): never {
  throw new ConfError(`duplicate location "${text}"`)
}

/** Finds or makes the node of a prefix. */
function insert(root: TreeNode, text: string): TreeNode {
  let node = root
  let rest = text
  while (rest !== '') {
    const child = node.children?.get(rest.charCodeAt(0))
    if (child === undefined) {
      const leaf: TreeNode = { text: rest, location: undefined, children: undefined }
      node.children ??= new Map()
      node.children.set(rest.charCodeAt(0), leaf)
      return leaf
    }
    const shared = sharedLength(child.text, rest)
    node = shared === child.text.length ? child : split(node, child, shared)
    rest = rest.slice(shared)
  }
  return node
}

function split(parent: TreeNode, child: TreeNode, at: number): TreeNode {
  const middle: TreeNode = {
    text: child.text.slice(0, at),
    location: undefined,
    children: new Map([[child.text.charCodeAt(at), child]]),
  }
  child.text = child.text.slice(at)
  parent.children!.set(middle.text.charCodeAt(0), middle)
  return middle
}

function sharedLength(a: string, b: string): number {
  let length = 0
  while (length < a.length && a.charCodeAt(length) === b.charCodeAt(length)) length++
  return length
}

function findLongest(root: TreeNode, path: string): Location | undefined {
  let node = root
  let best = root.location
  let at = 0
  while (at < path.length) {
    const child = node.children?.get(path.charCodeAt(at))
    if (child === undefined || !path.startsWith(child.text, at)) return best
    at += child.text.length
    best = child.location ?? best
    node = child
  }
  return best
}

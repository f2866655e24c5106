/**
 * Finds the location that a path means, by nginx's rules.
 *
 * ```text
 *   exact        wins at once
 *   no-regex     the longest prefix is remembered; this kind keeps expressions out
 *   prefix
 *   regex        in order, when the longest prefix did not keep them out
 *   named        only by internal redirects
 *   condition    before all others, in order
 * ```
 *
 * Prefixes stand in a radix tree: a look-up touches each character of the path once, however many
 * locations there are. Nested locations are a table of their own, looked into after the outer one.
 *
 * The table in force stays as it is while the next one is made: a draft copies the way to what changes in
 * the tree, so that one location among thousands costs what it costs among ten.
 */
import type { Directive } from '../conf/tree.ts'
import { matchInto } from '../modules/captures.ts'
import { duplicate, type Location, splitModifier } from './location.ts'
import {
  emptyPrefixTree,
  longestPrefix,
  prefixAt,
  prefixesIn,
  type PrefixTree,
  withoutPrefix,
  withPrefix,
} from './prefix-tree.ts'
import type { Request } from './request.ts'

export class LocationTable {
  #exact = new Map<string, Location>()
  #prefixes: PrefixTree = emptyPrefixTree()
  #regexes: Location[] = []
  #named = new Map<string, Location>()
  #conditional: Location[] = []
  /** Paths without the slash at the end that locations of gateways have. */
  #folders = new Set<string>()
  /** Locations that are such, or have some within. */
  #foldersWithin = 0
  /** False for a draft: what it holds may be another table's, too. */
  #owned = true

  /** A table of the same locations; what is changed in it leaves this one as it is. */
  draft(): LocationTable {
    const draft = new LocationTable()
    draft.#exact = this.#exact
    draft.#prefixes = this.#prefixes
    draft.#regexes = this.#regexes
    draft.#named = this.#named
    draft.#conditional = this.#conditional
    draft.#folders = this.#folders
    draft.#foldersWithin = this.#foldersWithin
    draft.#owned = false
    return draft
  }

  /** Adds one; throws `ConfError` where the same one stands already. */
  add(location: Location): void {
    const { kind, text } = location.pattern!
    switch (kind) {
      case 'condition':
        if (this.#conditional.some(({ pattern }) => pattern!.text === text)) duplicate(text)
        this.#conditional = this.#append(this.#conditional, location)
        break
      case 'regex':
        this.#regexes = this.#append(this.#regexes, location)
        break
      case 'named':
        if (this.#named.has(text)) duplicate(text)
        this.#named = this.#copied(this.#named).set(text, location)
        break
      case 'exact':
        if (this.#exact.has(text)) duplicate(text)
        this.#exact = this.#copied(this.#exact).set(text, location)
        this.#countFolder(location, 1)
        break
      default:
        this.#prefixes = withPrefix(this.#prefixes, text, location, this.#owned)
        this.#countFolder(location, 1)
    }
  }

  /** Takes one away that stands in the table. */
  remove(location: Location): void {
    const { kind, text } = location.pattern!
    switch (kind) {
      case 'condition':
        this.#conditional = this.#conditional.filter((other) => other !== location)
        break
      case 'regex':
        this.#regexes = this.#regexes.filter((other) => other !== location)
        break
      case 'named':
        this.#named = this.#copied(this.#named)
        this.#named.delete(text)
        break
      case 'exact':
        this.#exact = this.#copied(this.#exact)
        this.#exact.delete(text)
        this.#countFolder(location, -1)
        break
      default:
        this.#prefixes = withoutPrefix(this.#prefixes, text)
        this.#countFolder(location, -1)
    }
  }

  /** Has expressions and conditions tried in the order of those blocks. */
  arrange(blocks: Iterable<Directive>): void {
    if (this.#regexes.length < 2 && this.#conditional.length < 2) return
    const places = new Map<Directive, number>()
    for (const block of blocks) places.set(block, places.size)
    const byPlace = (a: Location, b: Location): number => places.get(a.node)! - places.get(b.node)!
    this.#regexes = this.#regexes.toSorted(byPlace)
    this.#conditional = this.#conditional.toSorted(byPlace)
  }

  /** What a block of this level was compiled to. */
  of(node: Directive): Location | undefined {
    const found = this.#standsAs(node)
    return found?.node === node ? found : undefined
  }

  #standsAs(node: Directive): Location | undefined {
    const [modifier, text] = splitModifier(node.args)
    switch (modifier) {
      case '=':
        return this.#exact.get(text)
      case '':
        return text.startsWith('@') ? this.#named.get(text) : prefixAt(this.#prefixes, text)
      case '^~':
        return prefixAt(this.#prefixes, text)
      case '(':
        return this.#conditional.find((location) => location.node === node)
      default:
        return this.#regexes.find((location) => location.node === node)
    }
  }

  /** All locations of this level. */
  *all(): Generator<Location, void, undefined> {
    yield* this.#exact.values()
    yield* prefixesIn(this.#prefixes)
    yield* this.#regexes
    yield* this.#named.values()
    yield* this.#conditional
  }

  #append(list: Location[], location: Location): Location[] {
    if (!this.#owned) return [...list, location]
    list.push(location)
    return list
  }

  #copied(map: Map<string, Location>): Map<string, Location> {
    return this.#owned ? map : new Map(map)
  }

  #countFolder(location: Location, step: 1 | -1): void {
    const { text } = location.pattern!
    // No path is empty, so the root is none of them.
    const isFolder = location.gateway && text.endsWith('/') && text !== '/'
    if (isFolder || location.children?.hasFolders === true) this.#foldersWithin += step
    if (!isFolder) return
    if (!this.#owned) this.#folders = new Set(this.#folders)
    if (step > 0) this.#folders.add(text.slice(0, -1))
    else this.#folders.delete(text.slice(0, -1))
  }

  /** True when there are such paths here or below. */
  get hasFolders(): boolean {
    return this.#foldersWithin > 0
  }

  /** True for a path that is a location only with a slash behind it, and a gateway's: nginx redirects there. */
  sendsToFolder(path: string): boolean {
    if (this.#foldersWithin === 0 || this.#exact.has(path)) return false
    const longest = longestPrefix(this.#prefixes, path)
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
    const longest = longestPrefix(this.#prefixes, path)
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

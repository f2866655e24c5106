/**
 * Configuration ⇄ JSON, as OpenNJet maps it (its coding guide, last section).
 *
 * ```text
 *   worker_processes 24;                   "worker_processes": 24
 *   access_log off;                        "access_log": false
 *   keepalive_timeout 120s 120s;           "keepalive_timeout": "120s 120s"
 *   proxy_set_header Connection "";        "proxy_set_header": "Connection \"\""
 *   ssl_early;                             "ssl_early": ""
 *   events { … }                           "events": { … }
 *   upstream web { server a; }             "upstream": [{ "_key": "web", "server": ["a"] }]
 *   x_by_lua_block { … }                   "x_by_lua_block": { "_script": " … " }
 * ```
 *
 * The guide leaves cases open in which its rules would lose something. They are decided here, so that
 * `fromJson(toJson(tree))` has the same names, arguments, blocks and order:
 *
 * - A string, and `_key`, is text as in a configuration file: words between white space, quoted where need
 *   be. One argument with a space in it is `"\"a b\""`, an empty one is `"\"\""`. A string with `;`, `{`,
 *   `}` or `#` outside quotes is refused.
 * - A number stands only for its plain decimal form: `1.10`, `007`, `1e3`, `+1` and integers that a double
 *   cannot hold stay strings. `on` and `off` as the only argument are booleans; `true` is a string.
 * - A directive that occurs once is a value, more often a list of values. Blocks with arguments and
 *   everything called `server` are lists even then. A one-item list is read as one occurrence.
 * - Names stand in the order of their first occurrence. Where that is not the order of the directives
 *   (`allow a; deny b; allow c;`, or names that look like array indexes), the block gets `_order`: all names,
 *   one for each directive, in order.
 * - A directive named `_key`, `_script` or `_order` is refused: as a property it would mean something else.
 *
 * Comments, positions and the way something was written are not mapped.
 */
import { type Block, blockOf, directives } from './block.ts'
import { ConfError } from './diagnostics.ts'
import { blockDepthMax } from './limits.ts'
import { scriptEnd, scriptRule, type SkipRule } from './script-block.ts'
import { directive, type Directive, opensBlock } from './tree.ts'
import { joinWords, lengthFault, splitWords } from './words.ts'

export type JsonScalar = string | number | boolean
export interface JsonBlock {
  readonly [name: string]: JsonValue
}
export type JsonValue = JsonScalar | JsonBlock | readonly JsonItem[]
type JsonItem = JsonScalar | JsonBlock

/** The value broke the mapping's rules; `path` leads to it: `http.server[0].listen`. */
export class JsonConfError extends ConfError {
  readonly path: string

  constructor(path: string, message: string) {
    super(`${path === '' ? '(root)' : path}: ${message}`)
    this.name = 'JsonConfError'
    this.path = path
  }
}

const reservedNames: ReadonlySet<string> = new Set(['_key', '_script', '_order'])

/** @throws JsonConfError for a directive whose name the mapping has taken. */
export function toJson(main: Directive): JsonBlock {
  return blockToJson(main.block!, '')
}

/**
 * The tree of a JSON configuration.
 *
 * @throws JsonConfError for the first value that stands for no directive
 */
export function fromJson(json: unknown): Directive {
  if (!isBlock(json)) throw new JsonConfError('', 'must be an object')
  return directive('main', [], jsonToBlock(json, '', 0))
}

function blockToJson(block: Block, path: string): JsonBlock {
  const byName = new Map<string, Directive[]>()
  const order: string[] = []
  for (const node of directives(block)) {
    if (reservedNames.has(node.name)) {
      throw new JsonConfError(join(path, node.name), 'the mapping has taken this name')
    }
    const nodes = byName.get(node.name)
    if (nodes === undefined) byName.set(node.name, [node])
    else nodes.push(node)
    order.push(node.name)
  }
  const entries = [...byName].map(([name, nodes]) => [name, nodesToJson(nodes, join(path, name))])
  const result = Object.fromEntries(entries) as Record<string, JsonValue>
  return sameWords(order, impliedOrder(result)) ? result : { ...result, _order: order }
}

/** All occurrences of one name in a block. */
function nodesToJson(nodes: readonly Directive[], path: string): JsonValue {
  const [only] = nodes
  const isList =
    nodes.length > 1 || only!.name === 'server' || (opensBlock(only!) && only!.args.length > 0)
  if (!isList) return nodeToJson(only!, path, {})
  return nodes.map((node, i) => nodeToJson(node, `${path}[${i}]`, { _key: joinWords(node.args) }))
}

function nodeToJson(node: Directive, path: string, key: JsonBlock): JsonItem {
  if (node.script !== undefined) return { ...key, _script: node.script }
  if (node.block === undefined) return argsToJson(node.args)
  return { ...key, ...blockToJson(node.block, path) }
}

function argsToJson(args: readonly string[]): JsonScalar {
  const [only] = args
  if (only === undefined || args.length > 1) return joinWords(args)
  if (only === 'on' || only === 'off') return only === 'on'
  return isPlainNumber(only) ? Number(only) : joinWords(args)
}

/** True when the number's decimal form is that very text. */
function isPlainNumber(text: string): boolean {
  return /^-?\d+(?:\.\d+)?$/.test(text) && String(Number(text)) === text
}

/** The order in which `jsonToBlock` reads a block that has no `_order`. */
function impliedOrder(block: JsonBlock): readonly string[] {
  return Object.entries(block).flatMap(([name, value]) => itemsOf(value).map(() => name))
}

function jsonToBlock(json: JsonBlock, path: string, depth: number): Block {
  if (depth > blockDepthMax) throw new JsonConfError(path, `deeper than ${blockDepthMax} blocks`)
  const byName = new Map<string, Directive[]>()
  for (const [name, value] of Object.entries(json)) {
    if (reservedNames.has(name)) continue
    const isList = Array.isArray(value)
    const at = join(path, name)
    const nodes = itemsOf(value).map((item, i) =>
      jsonToNode(name, item, { path: isList ? `${at}[${i}]` : at, depth }),
    )
    byName.set(name, nodes)
  }
  const order = json['_order']
  if (order === undefined) return blockOf([...byName.values()].flat())
  return blockOf(inOrder(byName, order, join(path, '_order')))
}

/** Takes the directives as `_order` names them; it must name each of them once. */
function inOrder(
  byName: ReadonlyMap<string, readonly Directive[]>,
  order: unknown,
  path: string,
): readonly Directive[] {
  if (!Array.isArray(order)) throw new JsonConfError(path, 'must be a list of names')
  const taken = new Map<string, number>()
  const nodes = order.map((name: string, i) => {
    const index = taken.get(name) ?? 0
    const node = byName.get(name)?.[index]
    if (node === undefined) throw new JsonConfError(`${path}[${i}]`, 'names no directive')
    taken.set(name, index + 1)
    return node
  })
  for (const [name, all] of byName) {
    if (all.length > (taken.get(name) ?? 0)) throw new JsonConfError(path, `leaves out "${name}"`)
  }
  return nodes
}

interface Place {
  readonly path: string
  readonly depth: number
}

function jsonToNode(name: string, value: unknown, place: Place): Directive {
  checkLength([name], place.path)
  if (typeof value === 'boolean') return directive(name, [value ? 'on' : 'off'])
  if (typeof value === 'number') return directive(name, [numberToWord(value, place.path)])
  if (typeof value === 'string') return directive(name, textToArgs(value, place.path))
  if (isBlock(value)) return jsonToBlockNode(name, value, place)
  throw new JsonConfError(place.path, 'must be a string, a number, a boolean or an object')
}

function jsonToBlockNode(name: string, value: JsonBlock, { path, depth }: Place): Directive {
  const { _key: key = '', _script: script } = value
  if (typeof key !== 'string') throw new JsonConfError(join(path, '_key'), 'must be a string')
  const args = textToArgs(key, join(path, '_key'))
  const rule = scriptRule(name)
  if (script === undefined && rule === undefined) {
    return directive(name, args, jsonToBlock(value, path, depth + 1))
  }
  const fault = scriptFault(value, rule)
  if (fault !== undefined) throw new JsonConfError(join(path, '_script'), fault)
  return Object.freeze({ ...directive(name, args), script: script as string })
}

/** A script must end where its block ends, or the rest of it would be read as configuration. */
function scriptFault(value: JsonBlock, rule: SkipRule | undefined): string | undefined {
  const { _key, _script: script, ...others } = value
  if (rule === undefined) return 'only a code-like block has a script'
  if (typeof script !== 'string') return 'must be a string'
  if (Object.keys(others).length > 0) return 'must stand alone'
  return scriptEnd(`${script}}`, 0, rule) === script.length ? undefined : 'braces do not match'
}

function numberToWord(value: number, path: string): string {
  const word = String(value)
  if (!isPlainNumber(word)) throw new JsonConfError(path, `${word} has no plain decimal form`)
  return word
}

function textToArgs(text: string, path: string): readonly string[] {
  if (text === '') return []
  try {
    const words = splitWords(text)
    checkLength(words, path)
    return words
  } catch (error) {
    if (error instanceof JsonConfError || !(error instanceof ConfError)) throw error
    throw new JsonConfError(path, error.message)
  }
}

/** What is longer could be written but not read again. */
function checkLength(words: readonly string[], path: string): void {
  for (const word of words) {
    const fault = lengthFault(word)
    if (fault !== undefined) throw new JsonConfError(path, fault)
  }
}

function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value]
}

function isBlock(value: unknown): value is JsonBlock {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

function sameWords(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i])
}

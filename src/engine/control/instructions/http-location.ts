/**
 * Dynamic locations of HTTP servers: `/ins/loc/l_<crc32>` (reference §1b).
 *
 * ```text
 *   {"type":"add","addr_port":"0.0.0.0:80","server_name":"a",
 *    "locations":[{"location_rule":"=","location_name":"/x",
 *                  "location_body":"expires 1h","proxy_pass":"http://b","locations":[…]}]}
 *        ▼
 *   location = /x {
 *       expires 1h;
 *       proxy_pass http://b;
 *       location … { … }       those within it
 *   }                          put behind what the server has
 * ```
 *
 * One instruction holds one location with all that is within it; it goes as a whole.
 */
import assert from 'node:assert/strict'
import { blockOf, directives, indexOfDirective, splice } from '../../conf/block.ts'
import { ConfError, formatDiagnostic } from '../../conf/diagnostics.ts'
import { configurationFromText } from '../../conf/includes.ts'
import { type Directive, withBlock } from '../../conf/tree.ts'
import { splitModifier } from '../../http/location.ts'
import { isCondition, parseCondition } from '../../http/location-condition.ts'
import type { Applied, InstructionKind, Transition } from '../instruction.ts'
import { forbiddenText, terminated } from '../instruction-text.ts'
import { listenAddrPort, parseAddrPort } from '../listen-address.ts'
import { pathOf, type PlaceStep } from '../place.ts'
import { Refusal, replyCodes } from '../refusal.ts'
import type { IndexedServer, Part, ServerIndex } from '../server-index.ts'
import { replaceServerNode } from '../server-tree.ts'

export interface LocationFields {
  /** `=`, `~`, `~*`, `^~`, or nothing. */
  readonly location_rule?: string
  readonly location_name: string
  readonly location_body?: string
  readonly proxy_pass?: string
  readonly locations?: readonly LocationFields[]
}

export interface ServerPlace {
  readonly addr_port: string
  readonly server_name?: string
}

export interface LocationBody extends ServerPlace {
  readonly locations: readonly [LocationFields]
}

/** Directives that make something that outlives a location. */
const forbidden: ReadonlySet<string> = new Set(['zone'])

export const httpLocation: InstructionKind = {
  topic: '/ins/loc/',
  apply: (transition) => {
    const { before, after } = transition
    if (before === undefined) return add(transition, after as LocationBody)
    const { applied, gap } = remove(transition, before as LocationBody)
    if (after === undefined) return applied
    return add({ ...transition, ...applied }, after as LocationBody, gap)
  },
  rowOf: (body) => {
    const { addr_port, server_name = '', locations } = body as LocationBody
    const address = parseAddrPort(addr_port)
    if (address === undefined) return undefined
    const server = { server: listenAddrPort(address), name: server_name.trim().toLowerCase() }
    return locationRow([['http'], server], argsOf(locations[0]))
  },
  identify: (body) => {
    const { addr_port, server_name, locations } = body as LocationBody
    const [{ location_rule, location_name }] = locations
    return { addr_port, server_name, location_rule, location_name }
  },
}

/** The server that an instruction means; without a name, the one that has none. */
export function findHttpServer(index: ServerIndex, place: ServerPlace): IndexedServer {
  const { addr_port, server_name = '' } = place
  const address = parseAddrPort(addr_port)
  const listener = address && index.listenerFor(address)
  const server = listener && index.find(listener.address, server_name.trim())
  if (server !== undefined) return server
  fail(`error:host[${addr_port}],no find server[${server_name}]!`)
}

/** What an instruction made in the server; `undefined` where nothing of that kind is. */
export function findDynamicLocation(
  server: IndexedServer,
  fields: LocationFields,
): Part | undefined {
  const { args } = readHead(fields, '')
  const part = server.parts.get(partKey(args))
  // "/x" and "^~ /x" are in each other's place, but are not the same.
  return part && splitModifier(part.node.args)[0] === splitModifier(args)[0] ? part : undefined
}

/** The location of the server's own that is in that place, dynamic or not. */
export function findLocation(server: Directive, args: readonly string[]): Directive | undefined {
  const place = partKey(args)
  for (const node of directives(server.block!)) {
    if (node.name === 'location' && partKey(node.args) === place) return node
  }
  return undefined
}

/** Arguments of the location that fields describe. */
export function argsOf(fields: LocationFields): readonly string[] {
  return readHead(fields, '').args
}

interface Gap {
  /** The server without the location, and where that stood. */
  readonly node: Directive
  readonly position: number
}

function remove(
  transition: Transition,
  body: LocationBody,
): { readonly applied: Applied; readonly gap: Gap } {
  const server = findHttpServer(transition.http, body)
  const place = partKey(argsOf(body.locations[0]))
  const part = server.parts.get(place)
  assert(part !== undefined, `instruction "${transition.key}" is not in force`)
  const block = server.node.block!
  const position = indexOfDirective(block, part.node)
  const node = withBlock(server.node, splice(block, position, 1, []))
  const parts = server.parts.delete(place)
  const applied = replaceServerNode(transition, 'http', { server, node, parts })
  return { applied, gap: { node, position } }
}

/** Where another one was it takes that one's place. */
function add(transition: Transition, body: LocationBody, gap?: Gap): Applied {
  const [fields] = body.locations
  const server = findHttpServer(transition.http, body)
  const node = readLocation(fields, `${transition.prefix}/logs/trijet_0_add_location.txt`)
  if (findLocation(server.node, node.args) !== undefined) {
    const msg = `error:location[${fields.location_name}] exist!`
    throw new Refusal(replyCodes.notAllowed, msg)
  }
  const block = server.node.block!
  const position = gap?.node === server.node ? gap.position : block.size
  return replaceServerNode(transition, 'http', {
    server,
    node: withBlock(server.node, splice(block, position, 0, [node])),
    parts: server.parts.set(partKey(node.args), { instruction: transition.key, node }),
  })
}

/** Expressions and conditions are asked one after the other, until one matches; others in no order. */
export function locationRow(
  steps: readonly PlaceStep[],
  args: readonly string[],
): string | undefined {
  return ['~', '~*', '('].includes(splitModifier(args)[0]) ? pathOf(steps) : undefined
}

/** What can be there once only: prefixes share their places, whatever they say of expressions. */
export function partKey(args: readonly string[]): string {
  const [modifier, text] = splitModifier(args)
  return modifier === '^~' ? ` ${text}` : `${modifier} ${text}`
}

function readLocation(fields: LocationFields, file: string): Directive {
  const head = readHead(fields, file)
  const own = readBody(fields, file)
  const inner = (fields.locations ?? []).map((child) => readLocation(child, file))
  refuseTwins(inner.map(({ args }) => args))
  return withBlock(head, blockOf([...own, ...inner]))
}

/**
 * Rule and name as the configuration reader sees them. What is read must be one empty location, so that a
 * name cannot open or close anything.
 */
function readHead(
  { location_rule: rule = '', location_name }: LocationFields,
  file: string,
): Directive {
  const name = location_name.trim()
  const words = ['location', rule.trim(), name, '{}'].filter((word) => word !== '')
  const { main, diagnostics } = configurationFromText(words.join(' '), file)
  const [head, ...more] = [...directives(main.block!)]
  const isOne = diagnostics.length === 0 && head?.block?.size === 0 && more.length === 0
  if (!isOne || head.name !== 'location' || !isLegible(head.args)) fail('location_name error!!!')
  return head
}

/** What is wrong with a condition is told as the configuration reader tells it. */
function isLegible(args: readonly string[]): boolean {
  if (!isCondition(args)) return args.length <= 2
  try {
    parseCondition(args)
    return true
  } catch (error) {
    if (error instanceof ConfError) fail(error.message)
    throw error
  }
}

/** The body, read by itself: what it does not open it cannot close. Its lines count from the head's. */
function readBody(
  { location_body, proxy_pass }: LocationFields,
  file: string,
): readonly Directive[] {
  const target = proxy_pass === undefined ? '' : `\nproxy_pass ${proxy_pass.trim()};`
  const text = `\n${terminated(location_body)}${target}\n`
  const { main, diagnostics } = configurationFromText(text, file)
  const [first] = diagnostics
  if (first !== undefined) fail(formatDiagnostic(first))
  const nodes = [...directives(main.block!)]
  const fault = forbiddenText(nodes, forbidden)
  if (fault === undefined) return nodes
  const msg = 'directive is not allowed here in location_body'
  throw new Refusal(replyCodes.failure, msg, [fault])
}

/** Refuses the same location twice in one request. */
export function refuseTwins(locations: readonly (readonly string[])[]): void {
  const places = new Set(locations.map(partKey))
  if (places.size < locations.length) throw new Refusal(replyCodes.notAllowed, 'location exist!')
}

function fail(msg: string): never {
  throw new Refusal(replyCodes.failure, msg)
}

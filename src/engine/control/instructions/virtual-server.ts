/**
 * Dynamic virtual servers of either subsystem: `/ins/srv/s_<crc32>`, `/ins/stream_srv/s_<crc32>`
 * (reference §2).
 *
 * ```text
 *   {"type":"add","addr_port":"0.0.0.0:22222","server_name":"a","server_body":"return \"ok\";"}
 *        ▼
 *   server {
 *       listen 0.0.0.0:22222;      "udp" from addr_port, "ssl" when the port is an ssl port,
 *       server_name a;             listen_option when the port is new
 *       return "ok";
 *   }                              appended to the block of its subsystem
 * ```
 */
import assert from 'node:assert/strict'
import { type Block, findDirective, indexOfDirective, splice } from '../../conf/block.ts'
import type { Directive } from '../../conf/tree.ts'
import { settingsOf } from '../../core/scope.ts'
import type { Applied, InstructionKind, Transition } from '../instruction.ts'
import { type ListenAddress, listenText, parseAddrPort } from '../listen-address.ts'
import { Refusal, replyCodes } from '../refusal.ts'
import type { IndexedServer, Listener, ServerIndex, SubsystemName } from '../server-index.ts'
import { withServers } from '../server-tree.ts'
import {
  namesOf,
  readServer,
  tokenisedNames,
  type VirtualServerBody,
} from './virtual-server-text.ts'

/** What differs between the subsystems. */
export interface VirtualServerForm {
  readonly subsystem: SubsystemName
  readonly topic: string
  /** Directives that make something that outlives a server or cannot be taken back. */
  readonly forbidden: ReadonlySet<string>
  /** Options that a new port cannot have, with what is said of them. */
  readonly refusedOptions: Readonly<Record<string, string>>
}

export interface VirtualServerKind extends InstructionKind {
  readonly form: VirtualServerForm
}

export function defineVirtualServer(form: VirtualServerForm): VirtualServerKind {
  return Object.freeze<VirtualServerKind>({
    form,
    topic: form.topic,
    apply: (transition) => {
      const { before, after } = transition
      const from = before === undefined ? undefined : positionOf(transition, form)
      const removed = before === undefined ? transition : remove(transition, form)
      if (after === undefined) return removed
      const body = after as VirtualServerBody
      return add({ ...transition, ...removed }, body, { form, from })
    },
    identify: (body) => {
      const { addr_port, server_name } = body as VirtualServerBody
      return { addr_port, server_name }
    },
  })
}

/** The server that has all the names of the text on the address. */
export function findVirtualServer(
  index: ServerIndex,
  address: ListenAddress,
  serverName: string,
): IndexedServer | undefined {
  const listener = index.listenerFor(address)
  const [first, ...others] = tokenisedNames(serverName)
  if (listener === undefined || first === undefined) return undefined
  const server = index.find(listener.address, first)
  return others.every((name) => index.find(listener.address, name) === server) ? server : undefined
}

/** Where the server stands that the instruction has made. */
function positionOf(transition: Transition, { subsystem }: VirtualServerForm): number {
  const server = transition[subsystem].madeBy(transition.key)
  assert(server !== undefined, `instruction "${transition.key}" is not in force`)
  return indexOfDirective(findDirective(transition.tree.block, subsystem)!.block!, server.node)
}

function remove(transition: Transition, { subsystem }: VirtualServerForm): Applied {
  const index = transition[subsystem]
  const server = index.madeBy(transition.key)
  assert(server !== undefined, `instruction "${transition.key}" is not in force`)
  return withServers(transition, subsystem, {
    index: index.remove(server),
    change: (block) => splice(block, indexOfDirective(block, server.node), 1, []),
  })
}

interface Addition {
  readonly form: VirtualServerForm
  /** Where the one stood whose place it takes; without it, it comes last. */
  readonly from: number | undefined
}

function add(transition: Transition, body: VirtualServerBody, { form, from }: Addition): Applied {
  const { subsystem } = form
  const { tree, [subsystem]: index, base, key, prefix } = transition
  const address = parseAddrPort(body.addr_port)
  if (address === undefined) fail('addr_port error!!!')
  if (!index.hasBlock) fail(`no ${subsystem} module when add vs!`)
  // Those of the files may have been taken away live, before or after.
  if (index.fixedCount + base[subsystem].fixedCount === 0) {
    fail(`adding vs in ${subsystem} require at least one static vs`)
  }
  const listener = index.listenerFor(address)
  refuseTaken(body, listener, index, tokenisedNames(body.server_name ?? ''))
  const listen = listenLine(body, address, { listener, index, form })
  const server = readServer(body, listen, { ...form, prefix })
  // The body may have names of its own.
  refuseTaken(body, listener, index, namesOf(server))
  if (listen.includes(' ssl')) checkCertificate(tree, server, subsystem)
  return withServers(transition, subsystem, {
    index: index.add(server, key),
    change: (block: Block) => splice(block, from ?? block.size, 0, [server]),
  })
}

function refuseTaken(
  { addr_port, server_name }: VirtualServerBody,
  listener: Listener | undefined,
  index: ServerIndex,
  names: readonly string[],
): void {
  if (listener === undefined) return
  if (names.every((name) => index.find(listener.address, name) === undefined)) return
  throw new Refusal(replyCodes.notAllowed, `error:[${addr_port}] server[${server_name}] exist!`)
}

interface ListenPlace {
  readonly listener: Listener | undefined
  readonly index: ServerIndex
  readonly form: VirtualServerForm
}

/** The arguments of the generated `listen`. */
function listenLine(
  { listen_option = '' }: VirtualServerBody,
  address: ListenAddress,
  { listener, index, form }: ListenPlace,
): string {
  const option = listen_option.trim()
  const words = option === '' ? [] : option.split(/\s+/)
  const udp = address.protocol === 'udp' ? ' udp' : ''
  if (listener !== undefined) {
    if (words.includes('ssl')) refuseSslOption(listener)
    // Other options are ignored: the socket is open and has its own.
    return `${listenText(listener.address)}${udp}${listener.ssl ? ' ssl' : ''}`
  }
  for (const word of words) {
    const message = form.refusedOptions[word]
    if (message !== undefined) fail(message)
  }
  if (index.portTaken(address)) {
    fail(`add dynamic listen port for ${address.port} is duplicate with other listen address`)
  }
  return `${listenText(address)}${udp}${option === '' ? '' : ` ${option}`}`
}

function refuseSslOption(listener: Listener): never {
  fail(
    listener.fixed === 0 && !listener.ssl
      ? 'try to add ssl to a non-ssl new added vs'
      : 'dyn server listen option only works for unlistened port',
  )
}

/** An ssl server needs a key and a certificate, of its own or of the block around. */
function checkCertificate(tree: Directive, server: Directive, subsystem: SubsystemName): void {
  if (rejectsHandshake(server)) return
  const inherited = settingsOf(findDirective(tree.block, subsystem)!.block!)
  const settings = [...settingsOf(server.block!), ...inherited]
  for (const name of ['ssl_certificate_key', 'ssl_certificate']) {
    if (!settings.some((node) => node.name === name)) fail(`no ${name}!`)
  }
}

function rejectsHandshake(server: Directive): boolean {
  return findDirective(server.block, 'ssl_reject_handshake')?.args[0] === 'on'
}

function fail(msg: string): never {
  throw new Refusal(replyCodes.failure, msg)
}

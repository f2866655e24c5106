/**
 * Dynamic stream servers: `/ins/stream_srv/s_<crc32>` (reference §2).
 *
 * ```text
 *   {"type":"add","addr_port":"0.0.0.0:22222","server_name":"a","server_body":"return \"ok\";"}
 *        ▼
 *   server {
 *       listen 0.0.0.0:22222;      "udp" from addr_port, "ssl" when the port is an ssl port,
 *       server_name a;             listen_option when the port is new
 *       return "ok";
 *   }                              appended to the stream block
 * ```
 */
import assert from 'node:assert/strict'
import { append, directives, findDirective, indexOfDirective, splice } from '../../conf/block.ts'
import { configurationFromText } from '../../conf/includes.ts'
import { formatDiagnostic } from '../../conf/diagnostics.ts'
import { type Directive, reportedAt } from '../../conf/tree.ts'
import { settingsOf } from '../../core/scope.ts'
import type { Applied, InstructionKind, Transition } from '../instruction.ts'
import { type ListenAddress, listenText, parseAddrPort } from '../listen-address.ts'
import { Refusal, replyCodes } from '../refusal.ts'
import type { IndexedServer, Listener, ServerIndex } from '../server-index.ts'
import { updateStreamBlock } from '../server-tree.ts'

export interface StreamServerBody {
  readonly addr_port: string
  readonly server_name?: string
  readonly listen_option?: string
  readonly server_body?: string
}

/** Directives that make something that outlives a server or cannot be taken back. */
const forbidden: ReadonlySet<string> = new Set([
  'zone',
  'ftp_ctrl',
  'ftp_data',
  'ssl_ocsp',
  'ssl_stapling',
  'quic',
])

export const streamServer: InstructionKind = {
  topic: '/ins/stream_srv/',
  apply: (transition) => {
    const { before, after } = transition
    const removed = before === undefined ? transition : remove(transition)
    return after === undefined
      ? removed
      : add({ ...transition, ...removed }, after as StreamServerBody)
  },
  identify: (body) => {
    const { addr_port, server_name } = body as StreamServerBody
    return { addr_port, server_name }
  },
}

/** The server that has all the names of the text on the address. */
export function findStreamServer(
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

/** Names as the configuration reader would see them: without quotes, in lower case. */
function tokenisedNames(text: string): readonly string[] {
  const { main, diagnostics } = configurationFromText(`server_name ${text};`, 'server_name')
  const [node, ...more] = [...directives(main.block!)]
  if (diagnostics.length > 0 || node === undefined || more.length > 0) return []
  return node.args.map((name) => name.toLowerCase())
}

function remove({ tree, http, stream, key }: Transition): Applied {
  const server = stream.madeBy(key)
  assert(server !== undefined, `instruction "${key}" is not in force`)
  return {
    tree: updateStreamBlock(tree, (block) =>
      splice(block, indexOfDirective(block, server.node), 1, []),
    ),
    http,
    stream: stream.remove(server),
  }
}

function add(transition: Transition, body: StreamServerBody): Applied {
  const { tree, http, stream: index, key } = transition
  const address = parseAddrPort(body.addr_port)
  if (address === undefined) throw new Refusal(replyCodes.failure, 'addr_port error!!!')
  if (!index.hasBlock) fail('no stream module when add vs!')
  if (index.fixedCount === 0) fail('adding vs in stream require at least one static vs')
  const listener = index.listenerFor(address)
  refuseTaken(body, listener, index, tokenisedNames(body.server_name ?? ''))
  const listen = listenLine(body, address, listener, index)
  const server = readServer(body, listen, transition.prefix)
  // The body may have names of its own.
  refuseTaken(body, listener, index, namesOf(server))
  checkCertificate(tree, server, listen.includes(' ssl'))
  return {
    tree: updateStreamBlock(tree, (block) => append(block, server)),
    http,
    stream: index.add(server, key),
  }
}

function refuseTaken(
  { addr_port, server_name }: StreamServerBody,
  listener: Listener | undefined,
  index: ServerIndex,
  names: readonly string[],
): void {
  if (listener === undefined) return
  if (names.every((name) => index.find(listener.address, name) === undefined)) return
  throw new Refusal(replyCodes.notAllowed, `error:[${addr_port}] server[${server_name}] exist!`)
}

function namesOf(server: Directive): readonly string[] {
  return settingsOf(server.block!)
    .filter(({ name }) => name === 'server_name')
    .flatMap(({ args }) => args)
}

/** The arguments of the generated `listen`. */
function listenLine(
  body: StreamServerBody,
  address: ListenAddress,
  listener: Listener | undefined,
  index: ServerIndex,
): string {
  const option = body.listen_option?.trim() ?? ''
  const words = option === '' ? [] : option.split(/\s+/)
  const udp = address.protocol === 'udp' ? ' udp' : ''
  if (listener !== undefined) {
    if (words.includes('ssl')) refuseSslOption(listener)
    // Other options are ignored: the socket is open and has its own.
    return `${listenText(listener.address)}${udp}${listener.ssl ? ' ssl' : ''}`
  }
  if (words.includes('udp')) fail('udp should be added to addr_port, not listen option')
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

/**
 * Reads the generated text and makes sure that it is one server and nothing else: a body cannot close the
 * block and open another.
 */
export function readServer(body: StreamServerBody, listen: string, prefix: string): Directive {
  const file = `${prefix}/logs/trijet_0_add_server.txt`
  if (body.server_name === undefined) fail(`unexpected "}" in ${file}:4`)
  const text = `server {\nlisten ${listen};\nserver_name ${body.server_name};\n${terminated(body)}\n}\n`
  const { main, diagnostics } = configurationFromText(text, file)
  const [first] = diagnostics
  if (first !== undefined) fail(formatDiagnostic(first))
  const [server, ...more] = [...directives(main.block!)]
  if (server?.block === undefined || more.length > 0) fail(`unexpected "}" in ${file}:4`)
  const [listenNode, nameNode, ...content] = [...directives(server.block)]
  if (listenNode?.name !== 'listen' || nameNode?.name !== 'server_name') {
    fail(`unexpected ";" in ${file}:3`)
  }
  for (const node of content) {
    if (node.name === 'listen') fail('listen cmd in the server body of dynamic stream vs')
    if (forbidden.has(node.name)) {
      const message = `"${node.name}" directive no support of dynamic!`
      fail(formatDiagnostic({ severity: 'emerg', message, at: reportedAt(node) }))
    }
  }
  return server
}

/** The body with the final `;` that users leave out. */
function terminated({ server_body: text = '' }: StreamServerBody): string {
  const body = text.trim()
  return body === '' || body.endsWith(';') || body.endsWith('}') ? body : `${body};`
}

/** An ssl server needs a key and a certificate, of its own or of the stream block. */
function checkCertificate(tree: Directive, server: Directive, ssl: boolean): void {
  if (!ssl || rejectsHandshake(server)) return
  const inherited = settingsOf(findDirective(tree.block, 'stream')!.block!)
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

/** A server as its files or its own instruction say, without what other instructions changed in it. */
export function originalServer(
  { base, bodyOf, prefix }: Transition,
  { instruction, addresses, names }: IndexedServer,
): Directive | undefined {
  if (instruction === undefined) return base.stream.find(addresses[0]!, names[0]!)?.node
  const body = bodyOf(instruction) as StreamServerBody | undefined
  return body && readServer(body, listenText(addresses[0]!), prefix)
}

/**
 * How declarative interfaces name a server: the addresses it listens on and its names.
 */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { listenKey, parseAddrPort } from './listen-address.ts'
import { Refusal, replyCodes } from './refusal.ts'
import type { IndexedServer, ServerIndex } from './server-index.ts'

export interface ServerAddress {
  readonly listens: readonly string[]
  readonly serverNames: readonly string[]
}

/** The server that has one of the names on one of the addresses. */
export function findAddressed(
  index: ServerIndex,
  { listens, serverNames }: ServerAddress,
): IndexedServer | undefined {
  for (const listen of listens) {
    const address = parseAddrPort(listen)
    const listener = address && index.listenerFor(address)
    if (listener === undefined) continue
    for (const name of serverNames.length > 0 ? serverNames : ['']) {
      const server = index.find(listener.address, name)
      if (server !== undefined) return server
    }
  }
  return undefined
}

/** The same; refused where there is none. */
export function requireAddressed(index: ServerIndex, address: ServerAddress): IndexedServer {
  const server = findAddressed(index, address)
  if (server !== undefined) return server
  throw new Refusal(replyCodes.failure, ` can\`t find server by ${formatServer(address)}`)
}

/**
 * Stable id of a server within one kind of instruction, from its first address and name: `l_<crc32>_<hash>`.
 * The checksum is what tools look for; the hash keeps two servers with the same checksum apart.
 */
export function serverId({ addresses, names }: IndexedServer): string {
  const [address] = addresses
  return textId(`${address === undefined ? '' : listenKey(address)} ${names[0]}`)
}

export function textId(text: string): string {
  return `l_${crc32(text)}_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
}

/** `listen[0.0.0.0:92] server_name[a]`, as messages name a server. */
export function formatServer({ listens, serverNames }: ServerAddress): string {
  return `listen[${listens.join(' ')}] server_name[${serverNames.join(' ')}]`
}

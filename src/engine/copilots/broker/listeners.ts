/**
 * Opening what the broker listens on. A socket file that a killed broker left is removed, but only when
 * nobody answers on it.
 */
import { once } from 'node:events'
import { chmodSync, chownSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import type { ListenerAddress } from './conf.ts'
import { brokerLimits } from './limits.ts'
import { PacketGuard } from './packet-guard.ts'

export interface ListenOptions {
  readonly onConnection: (socket: Socket) => void
  readonly onRefused: (reason: string) => void
  /** Group that may connect through socket files; by default that of this process. */
  readonly socketGroup?: number
}

/** Opens them all, or none. */
export async function listenAll(
  addresses: readonly ListenerAddress[],
  options: ListenOptions,
): Promise<readonly Server[]> {
  const servers: Server[] = []
  try {
    for (const address of addresses) servers.push(await listen(address, options))
    return servers
  } catch (error) {
    await closeAll(servers)
    throw error
  }
}

export async function closeAll(servers: readonly Server[]): Promise<void> {
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()))
}

export function showAddress(address: ListenerAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`
  return `${address.host ?? '*'}:${address.port}`
}

async function listen(address: ListenerAddress, options: ListenOptions): Promise<Server> {
  const server = createServer((socket) => {
    socket.setNoDelay(true)
    guardPackets(socket, options.onRefused)
    options.onConnection(socket)
  })
  server.maxConnections = brokerLimits.connectionsMax
  server.on('drop', () => options.onRefused('there are too many connections'))
  try {
    if (address.kind === 'tcp') await open(server, { port: address.port, host: address.host })
    else await openSocketFile(server, address.path, options.socketGroup)
  } catch (error) {
    throw new Error(`listen on ${showAddress(address)} failed: ${(error as Error).message}`, {
      cause: error,
    })
  }
  return server
}

async function openSocketFile(
  server: Server,
  path: string,
  group: number | undefined,
): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 })
  await removeStale(path)
  await open(server, { path })
  if (group !== undefined) chownSync(path, process.geteuid!(), group)
  chmodSync(path, 0o660)
}

async function open(
  server: Server,
  where: { port?: number; host?: string | undefined; path?: string },
): Promise<void> {
  const { host, ...rest } = where
  server.listen({ ...rest, ...(host !== undefined && { host }) })
  await once(server, 'listening')
}

/** Leaves alone what is not a socket, and a socket on which somebody answers: listening then fails. */
async function removeStale(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return
  const probe = connect(path)
  const signal = AbortSignal.timeout(brokerLimits.socketProbeTimeoutMs)
  try {
    await once(probe, 'connect', { signal })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') unlinkSync(path)
  } finally {
    probe.destroy()
  }
}

/** aedes takes bytes from a socket by `read` alone, so that is where they can be looked at. */
function guardPackets(socket: Socket, onRefused: (reason: string) => void): void {
  const guard = new PacketGuard(brokerLimits.packetBytesMax)
  const read = socket.read.bind(socket)
  socket.read = (size?: number) => {
    const chunk: Buffer | null = read(size)
    if (chunk === null || guard.accept(chunk)) return chunk
    onRefused(`a packet has more than ${brokerLimits.packetBytesMax} bytes`)
    socket.destroy()
    return null
  }
}

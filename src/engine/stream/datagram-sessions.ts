/** UDP sessions: datagrams of one client to one destination belong together until their session ends. */
import type { Address } from '../net/address.ts'
import type { Datagram, DatagramListener } from '../net/datagram.ts'
import { failureText } from '../net/errors.ts'
import { DatagramClient } from './datagram-client.ts'
import type { StreamEngine } from './engine.ts'
import { datagramSessionsMax } from './limits.ts'
import { hasTrait, type StreamPort } from './ports.ts'

type Clients = Map<string | number, DatagramClient>

export class DatagramSessions {
  readonly #engine: StreamEngine
  readonly #byListener = new WeakMap<DatagramListener, Clients>()

  constructor(engine: StreamEngine) {
    this.#engine = engine
  }

  receive(listener: DatagramListener, datagram: Datagram, port: StreamPort): void {
    const clients = this.#clientsOf(listener)
    const known = clients.get(datagram.sessionKey)
    if (known === undefined) this.#begin(clients, datagram, port)
    else known.receive(datagram.data)
  }

  #begin(clients: Clients, datagram: Datagram, port: StreamPort): void {
    // More clients than that at once: their datagrams are lost, as on a network that is full.
    if (clients.size >= datagramSessionsMax) return
    const client = this.#admit(clients, datagram, port)
    if (client === undefined) return
    const session = this.#engine.begin(client, port)
    const { local } = client
    if (hasTrait(port, 'mesh') && local.family !== 'unix') {
      session.facts.original = local
      session.facts.intercepted = isElsewhere(local, port.address)
    }
    session.preread = Buffer.from(datagram.data)
    client.bytesRead = session.preread.length
    session.start()
  }

  #admit(clients: Clients, datagram: Datagram, port: StreamPort): DatagramClient | undefined {
    const { sessionKey } = datagram
    try {
      const reply = datagram.openReply()
      const client: DatagramClient = new DatagramClient(reply, () => {
        if (clients.get(sessionKey) === client) clients.delete(sessionKey)
      })
      clients.set(sessionKey, client)
      return client
    } catch (error) {
      // No socket to answer from, as when descriptors have run out.
      const text = failureText(error as NodeJS.ErrnoException)
      port.fallback?.errorLog.write('crit', `${text} while answering a datagram`)
      return undefined
    }
  }

  #clientsOf(listener: DatagramListener): Clients {
    const known = this.#byListener.get(listener)
    if (known !== undefined) return known
    const clients: Clients = new Map()
    this.#byListener.set(listener, clients)
    return clients
  }
}

/** True when a datagram was meant for another address than the listener's. */
function isElsewhere(local: Address, listener: Address): boolean {
  if (local.family === 'unix' || listener.family === 'unix') return false
  const wildcard = listener.host === '0.0.0.0' || listener.host === '::'
  return local.port !== listener.port || (!wildcard && local.host !== listener.host)
}

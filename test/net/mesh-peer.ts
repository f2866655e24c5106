/**
 * Runs in a network namespace: listens as told and answers every connection and datagram with what it
 * knows of the destination. Arguments: protocol, host, port, `mesh` or `plain`.
 */
import { silentLog } from '../../src/engine/core/log.ts'
import { formatAddress, type InetAddress } from '../../src/engine/net/address.ts'
import { createTransport } from '../../src/engine/net/create-transport.ts'
import { listenKey } from '../../src/engine/net/listen-plan.ts'
import { openListeningSocket } from '../../src/engine/net/listening-socket.ts'
import { originalDestination } from '../../src/engine/net/original-destination.ts'

const [protocol, host, port, mode] = process.argv.slice(2) as [string, string, string, string]
const address: InetAddress = { family: host.includes(':') ? 6 : 4, host, port: Number(port) }
const options = { mesh: mode === 'mesh', ipv6only: host !== '::' }
const transport = createTransport({ log: silentLog })

if (protocol === 'tcp') {
  const spec = { key: listenKey('tcp', address), protocol, address, options } as const
  const listener = transport.listen(openListeningSocket(spec, silentLog), spec, {
    onAccept: (socket) => {
      const found = originalDestination(socket, listener.local)
      const text = found === undefined ? 'unknown' : formatAddress(found.address)
      socket.write(Buffer.from(`${text} ${found?.intercepted ?? false}\n`))
      socket.end()
    },
  })
  listener.start()
} else {
  const spec = { key: listenKey('udp', address), protocol: 'udp', address, options } as const
  const listener = transport.listenDatagrams(openListeningSocket(spec, silentLog), spec, {
    onDatagram: (_, datagram) => {
      const reply = datagram.openReply()
      // Straight from the event, where earlier prototypes lost the answer.
      reply.send(Buffer.from(`${formatAddress(reply.local)} got ${datagram.data.toString()}`))
      reply.close()
    },
  })
  listener.start()
}
console.log('listening')

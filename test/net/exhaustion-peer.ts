/** Echoes on a port of its own, which it prints; its error log goes to stderr. */
import type { levels } from '../../src/engine/core/log.ts'
import { formatAddress } from '../../src/engine/net/address.ts'
import { createTransport } from '../../src/engine/net/create-transport.ts'
import { openListeningSocket } from '../../src/engine/net/listening-socket.ts'

const log = {
  write: (level: (typeof levels)[number], message: string): void => {
    console.error(`[${level}] ${message}`)
  },
  takes: () => true,
}
const transport = createTransport({ log, kind: 'epoll' })
const address = { family: 4, host: '127.0.0.1', port: 0 } as const
const spec = { key: 'echo', protocol: 'tcp', address, options: {} } as const
const listener = transport.listen(openListeningSocket(spec, log), spec, {
  onAccept: (socket) => {
    socket.handler = {
      onConnect: () => {},
      onData: (one, chunk) => void one.write(chunk),
      onEnd: (one) => one.destroy(),
      onDrain: () => {},
      onClose: () => {},
    }
  },
})
listener.start()
console.log(formatAddress(listener.local))

/** The handler of a socket that nobody has taken yet, or whose owner has lost interest. */
import type { SocketHandler } from './socket.ts'

export const idleHandler: SocketHandler = Object.freeze({
  onConnect: () => {},
  onData: () => {},
  onEnd: () => {},
  onDrain: () => {},
  onClose: () => {},
})

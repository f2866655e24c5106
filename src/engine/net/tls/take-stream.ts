/** Gives a connection of ours to Node, which then owns it. */
import { Socket as NodeStream } from 'node:net'
import { EpollSocket } from '../epoll/epoll-socket.ts'
import { NodeSocket } from '../node/node-socket.ts'
import type { Socket } from '../socket.ts'

/** `head` is what was read of it already; the stream yields it first. */
export function takeStream(socket: Socket, head: Buffer): NodeStream {
  const stream = release(socket)
  if (head.length > 0) stream.unshift(head)
  return stream
}

function release(socket: Socket): NodeStream {
  if (socket instanceof NodeSocket) return socket.release()
  if (socket instanceof EpollSocket) {
    return new NodeStream({
      fd: socket.detach(),
      readable: true,
      writable: true,
      allowHalfOpen: true,
    })
  }
  throw new TypeError('this socket cannot be given to Node')
}

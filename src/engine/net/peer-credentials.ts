/** Who has the other end of a unix socket, as the kernel knows it (SO_PEERCRED, unix(7)). */
import { SO_PEERCRED, SOL_SOCKET } from './ffi/constants.ts'
import { ffiAvailable } from './ffi/libc.ts'
import { getWordsOption } from './ffi/socket-calls.ts'
import type { Socket } from './socket.ts'

export interface PeerCredentials {
  readonly pid: number
  readonly uid: number
  readonly gid: number
}

/** `struct ucred`: three words. */
const credentialWords = 3

/** Undefined for other sockets, closed ones, and where the system does not tell. */
export function peerCredentials({ local, descriptor }: Socket): PeerCredentials | undefined {
  if (local.family !== 'unix' || descriptor === -1 || !ffiAvailable()) return undefined
  const words = getWordsOption(descriptor, SOL_SOCKET, SO_PEERCRED, credentialWords)
  if (words === undefined) return undefined
  const [pid = 0, uid = 0, gid = 0] = words
  return { pid, uid: uid >>> 0, gid: gid >>> 0 }
}

/** Failed system calls as Node's errors, and in the words of nginx's log. */
import { getSystemErrorMap } from 'node:util'
import { loadSystem } from './ffi/libc.ts'

/** Read once: Node makes the map anew for everyone who asks, and many a connection ends with an error. */
const systemErrors: ReadonlyMap<number, readonly [code: string, text: string]> = getSystemErrorMap()

/**
 * The error of a system call that left `errno`; `subject` is what it was about, such as an address. It has
 * no stack: a peer's reset says nothing about our code, and walking the stack is most of what it costs.
 */
export function systemError(syscall: string, errno: number, subject = ''): NodeJS.ErrnoException {
  const code = systemErrors.get(-errno)?.[0] ?? `E${errno}`
  const message = `${syscall} ${code}${subject === '' ? '' : ` ${subject}`}`
  return Object.assign(withoutStack(message), { code, errno: -errno, syscall })
}

function withoutStack(message: string): Error {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  const error = new Error(message)
  Error.stackTraceLimit = stackTraceLimit
  return error
}

/** `111: Connection refused`, from the error of any system call, ours or Node's. */
export function errnoText(error: NodeJS.ErrnoException): string {
  const errno = Math.abs(error.errno ?? 0)
  return errno === 0 ? (error.code ?? error.message) : `${errno}: ${describeErrno(errno)}`
}

/** `connect() failed (111: Connection refused)`. */
export function failureText(error: NodeJS.ErrnoException): string {
  return `${nginxName(error.syscall ?? 'system call')}() failed (${errnoText(error)})`
}

/** Node calls it `read` and `write`; what is called on sockets is `recv` and `send`. */
function nginxName(syscall: string): string {
  if (syscall === 'read') return 'recv'
  return syscall === 'write' ? 'send' : syscall
}

function describeErrno(errno: number): string {
  const system = loadSystem()
  if (system !== undefined) return system.libc.strerror(errno)
  const text = systemErrors.get(-errno)?.[1] ?? 'Unknown error'
  return text.charAt(0).toUpperCase() + text.slice(1)
}

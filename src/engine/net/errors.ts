/** Failed system calls as Node's errors, and in the words of nginx's log. */
import { getSystemErrorMap } from 'node:util'
import { loadSystem } from './ffi/libc.ts'

/** The error of a system call that left `errno`; `subject` is what it was about, such as an address. */
export function systemError(syscall: string, errno: number, subject = ''): NodeJS.ErrnoException {
  const code = getSystemErrorMap().get(-errno)?.[0] ?? `E${errno}`
  const message = `${syscall} ${code}${subject === '' ? '' : ` ${subject}`}`
  return Object.assign(new Error(message), { code, errno: -errno, syscall })
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
  const text = getSystemErrorMap().get(-errno)?.[1] ?? 'Unknown error'
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** Where listening descriptors come from: this process, or the master that keeps them for its workers. */
import type { Log } from '../core/log.ts'
import { ffiAvailable } from './ffi/libc.ts'
import type { ListenSpec } from './listen-plan.ts'
import { openListeningSocket, removeSocketFile } from './listening-socket.ts'

export interface DescriptorSource {
  /** A descriptor that the caller owns from now on. Rejects with `ListenError`. */
  open(spec: ListenSpec): Promise<number>
  /** The caller has closed its descriptor and serves the spec no more. */
  release(spec: ListenSpec): void
}

/** For processes without a master: tests, single process mode. */
export class LocalDescriptorSource implements DescriptorSource {
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  /** Where we cannot make system calls there is none (-1): the driver opens the socket when it starts. */
  async open(spec: ListenSpec): Promise<number> {
    return ffiAvailable() ? openListeningSocket(spec, this.#log) : -1
  }

  release(spec: ListenSpec): void {
    removeSocketFile(spec.address)
  }
}

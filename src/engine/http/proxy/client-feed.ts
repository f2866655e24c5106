/**
 * Hands an upstream's response to the client: at once while the client takes it, through a spool while it
 * does not.
 *
 * ```text
 *   buffering on   upstream ─▶ client          │ client full: spool │ spool full: the upstream waits
 *   buffering off  upstream ─▶ client          │ client full: the upstream waits
 * ```
 */
import type { Request } from '../request.ts'
import { ResponseSpool, type SpoolLimits } from './response-spool.ts'

export class ClientFeed {
  #request: Request | undefined = undefined
  #limits: SpoolLimits | undefined = undefined
  #spool: ResponseSpool | undefined = undefined
  #full = false

  /** Begins; without `limits` nothing is kept beyond what the client's connection takes. */
  begin(request: Request, limits: SpoolLimits | undefined): void {
    this.#request = request
    this.#limits = limits
    this.#full = false
  }

  /** True when all has been handed over. */
  get empty(): boolean {
    return this.#spool === undefined || this.#spool.empty
  }

  /** Takes a piece; false asks the upstream to wait until `onWritable` says true. Throws as files do. */
  push(bytes: Buffer, from: number, to: number): boolean {
    if (!this.#full) {
      const request = this.#request!
      this.#full = !request.writeRange(bytes, from, to)
      // Unbuffered means that the client has it now: no filter is to hold it back.
      if (this.#limits === undefined && !request.flush()) this.#full = true
      return !this.#full || this.#limits !== undefined
    }
    if (this.#spool === undefined) {
      this.#spool = new ResponseSpool(this.#limits ?? noSpool)
    }
    const before = this.#spool.inFile
    this.#spool.push(bytes, from, to)
    if (!before && this.#spool.inFile) {
      this.#request!.logError('an upstream response is buffered to a temporary file', 'warn')
    }
    return !this.#spool.full
  }

  /** The client takes more; true when the upstream may go on. */
  onWritable(): boolean {
    this.#full = false
    const spool = this.#spool
    if (spool === undefined) return true
    const request = this.#request!
    const gone = spool.drain((bytes, from, to) => {
      this.#full = !request.writeRange(bytes, from, to)
      return !this.#full
    })
    return gone || !spool.full
  }

  close(): void {
    this.#spool?.close()
    this.#spool = undefined
    this.#request = undefined
    this.#limits = undefined
  }
}

/** What has come already is kept even where nothing is buffered. */
const noSpool: SpoolLimits = { memoryBytes: 0, fileBytes: 0, folder: '' }

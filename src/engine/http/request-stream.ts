/** The body of a request as a web stream, read from the connection only as it is read by the handler. */
import type { Request } from './request.ts'
import type { RequestBodySink } from './request-body.ts'

export class RequestStream implements RequestBodySink {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>
  readonly #request: Request
  readonly #onFailure: (status: number) => void
  #controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>
  #begun = false
  #over = false

  /** `onFailure` is told the status for a body that is too large, broken, or not to come any more. */
  constructor(request: Request, onFailure: (status: number) => void) {
    this.#request = request
    this.#onFailure = onFailure
    this.stream = new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => this.#pull(),
        cancel: () => {
          this.#over = true
        },
      },
      // Nothing is asked of the client before the handler reads.
      { highWaterMark: 0, size: ({ byteLength }) => byteLength },
    )
  }

  onBody(chunk: Buffer, start: number, end: number): void {
    if (this.#over || end === start) return
    // A copy: the chunk's memory is used again.
    this.#controller.enqueue(new Uint8Array(chunk.subarray(start, end)))
    const waiting = -(this.#controller.desiredSize ?? 0)
    if (waiting >= this.#request.location.core.client_body_buffer_size) this.#request.body.pause()
  }

  onBodyEnd(): void {
    if (this.#over) return
    this.#over = true
    this.#controller.close()
  }

  onBodyError(status: number): void {
    if (this.#over) return
    this.#over = true
    this.#controller.error(new DOMException('the request body is not complete', 'AbortError'))
    this.#onFailure(status)
  }

  #pull(): void {
    if (this.#over) return
    if (this.#begun) this.#request.body.resume()
    else {
      this.#begun = true
      this.#request.body.read(this)
    }
  }
}

/** A client of the dynamic API on one connection that stays, and takes little of the processors that it shares. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { onEnd, type Owner } from '../../test/support/scope.ts'

const success = '{"code":0,"msg":"success."}'
const host = '127.0.0.1'

export class ControlClient {
  readonly #owner: Owner
  readonly #port: number
  #socket: Promise<Socket> | undefined

  constructor(owner: Owner, port: number) {
    this.#owner = owner
    this.#port = port
  }

  /** Resolves when the change is made. */
  async change(method: 'POST' | 'PUT', path: string, instruction: object): Promise<void> {
    const reply = await this.ask(method, path, instruction)
    if (reply !== success) throw new Error(`${JSON.stringify(instruction)} was answered ${reply}`)
  }

  /** Resolves with the answer of a request that succeeds; one after the other. */
  async ask(method: string, path: string, content?: unknown): Promise<string> {
    const socket = await (this.#socket ??= this.#open())
    const body = content === undefined ? '' : JSON.stringify(content)
    socket.write(
      `${method} ${path} HTTP/1.1\r\nHost: ${host}:${this.#port}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
    const { status, text, last } = await readAnswer(socket)
    if (last) this.#socket = undefined
    if (status < 300) return text
    throw new Error(`${path} ${body} was answered ${status} ${text}`)
  }

  async #open(): Promise<Socket> {
    const socket = connect(this.#port, host)
    // Between two requests it may end as it likes.
    socket.on('error', () => (this.#socket = undefined))
    onEnd(this.#owner, () => void socket.destroy())
    await once(socket, 'connect')
    return socket
  }
}

interface Answer {
  readonly status: number
  readonly text: string
  /** The connection ends with it. */
  readonly last: boolean
}

/** An answer whose length is said, as those of a few bytes are. */
async function readAnswer(socket: Socket): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  let read = ''
  const onData = (chunk: Buffer): void => {
    read += chunk.toString('latin1')
    const answer = parseAnswer(read)
    if (answer !== undefined) resolve(answer)
  }
  const onClose = (): void => reject(new Error(`the connection ended after "${read}"`))
  socket.on('data', onData).once('close', onClose).once('error', reject)
  try {
    return await promise
  } finally {
    socket.off('data', onData).off('close', onClose).off('error', reject)
  }
}

/** `undefined` until all of it is there. */
function parseAnswer(read: string): Answer | undefined {
  const head = /^HTTP\/1\.1 (\d{3})[\s\S]*?\r\n\r\n/.exec(read)
  if (head === null) return undefined
  const [{ length: start }, status] = head as unknown as [string, string]
  const length = Number(/^content-length: *(\d+)/im.exec(head[0])?.[1] ?? 0)
  const text = read.slice(start)
  const last = /^connection: *close/im.test(head[0])
  return text.length < length ? undefined : { status: Number(status), text, last }
}

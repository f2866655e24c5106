/**
 * The client of a case: sends its bytes and writes down what comes back.
 *
 * ```text
 *   > GET /a HTTP/1.1
 *   HTTP/1.1 200 OK
 *   Content-Length: 2
 *
 *   ok
 *   = kept
 * ```
 */
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { certificateFor } from '../../support/certificates.ts'
import {
  MalformedMessage,
  type Message,
  readResponse,
  statusOf,
  valuesOf,
} from '../../support/http-messages.ts'
import type { Owner } from '../../support/scope.ts'
import { connectTcp, connectTls, type TcpClient } from '../../support/tcp.ts'
import type { ClientTls, Step } from './case.ts'

const limits = {
  /** For an answer to come; it ends a hanging case and measures nothing. */
  answerDeadlineMs: 15_000,
  /** For the rest of what is no message, so that it can be shown. */
  malformedMs: 500,
  /** How long a connection that should be kept is watched for its end. */
  keptGraceMs: 40,
  /** Between pieces that are to arrive apart. */
  pieceGapMs: 15,
  /** Longer bodies are shown by their length and hash. */
  bodyShownBytes: 2_000,
} as const

export interface Target {
  readonly host: string
  readonly port: number
  readonly tls?: ClientTls
}

/** Sends the steps one after the other; what was observed, as text. */
export async function talk(owner: Owner, to: Target, steps: readonly Step[]): Promise<string> {
  const conversation = new Conversation(owner, to)
  for (const step of steps) await conversation.take(step)
  await conversation.finish()
  return conversation.text
}

class Conversation {
  text = ''
  readonly #owner: Owner
  readonly #to: Target
  #client: TcpClient | undefined

  constructor(owner: Owner, to: Target) {
    this.#owner = owner
    this.#to = to
  }

  async take(step: Step): Promise<void> {
    if (step.fresh === true) await this.finish()
    const pieces = typeof step.send === 'string' ? [step.send] : step.send
    const methods = methodsIn(pieces.join(''))
    const count = step.answers ?? Math.max(1, methods.length)
    this.#note(`> ${firstLine(pieces.join(''))}`)
    const reused = this.#client !== undefined
    const client = (this.#client ??= await this.#connect())
    await this.#send(client, pieces, step.end === true)
    const answered = await this.#readAnswers(client, methods, count)
    if (answered === count || this.#client === undefined) return
    const silent = answered === 0 && client.ending !== undefined && client.pending.length === 0
    if (reused && silent) {
      // The server had closed while the bytes were under way: a client asks again on a new connection.
      this.#note('= closed before the answer')
      this.#drop()
      await this.take(step)
    } else this.#noteEnd(client)
  }

  /** Ends the connection, if there is one, and says who did. */
  async finish(): Promise<void> {
    const client = this.#client
    if (client === undefined) return
    if (client.ending === undefined) await delay(limits.keptGraceMs)
    if (client.pending.length > 0) this.#note(`+ ${show(client.pending)}`)
    this.#note(client.ending === undefined ? '= kept' : '= closed')
    this.#drop()
  }

  #connect(): Promise<TcpClient> {
    const { host, port, tls } = this.#to
    // The address of a client stands in logs and variables: always the same one.
    const at = { host, port, localAddress: '127.0.0.1' }
    if (tls === undefined) return connectTcp(this.#owner, at)
    const own = tls.certificate === true ? certificateFor('client.test') : undefined
    return connectTls(this.#owner, {
      ...at,
      ...(tls.servername !== undefined && { servername: tls.servername }),
      ...(own && { cert: own.cert, key: own.key }),
      ...tls.options,
    })
  }

  async #send(client: TcpClient, pieces: readonly string[], end: boolean): Promise<void> {
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) await delay(limits.pieceGapMs)
      // A server that closes early makes a write fail; what it said before that is what counts.
      await client.send(Buffer.from(piece, 'latin1')).catch(() => undefined)
    }
    if (end) await client.end().catch(() => undefined)
  }

  /** Reads that many final answers, or until the connection ends; returns how many came. */
  async #readAnswers(
    client: TcpClient,
    methods: readonly string[],
    count: number,
  ): Promise<number> {
    let finals = 0
    while (finals < count) {
      const message = await nextAnswer(client, methods[finals] ?? 'GET')
      if (message === undefined) return finals
      this.#note(showAnswer(message))
      if (statusOf(message) < 200) continue
      finals += 1
      if (message.framing === 'close' || saysClose(message)) {
        await this.#noteClose(client)
        return finals
      }
    }
    return finals
  }

  /** Of a connection whose last answer says that it ends. */
  async #noteClose(client: TcpClient): Promise<void> {
    try {
      const rest = await client.readAll({ orReset: true })
      if (rest.length > 0) this.#note(`+ ${show(rest)}`)
      this.#note('= closed')
    } catch {
      this.#note('= said close, and stays open')
    }
    this.#drop()
  }

  #noteEnd(client: TcpClient): void {
    if (client.ending === undefined) {
      this.#note(`= no answer; so far ${show(client.pending)}`)
    } else {
      if (client.pending.length > 0) this.#note(`+ ${show(client.pending)}`)
      this.#note('= closed')
    }
    this.#drop()
  }

  #drop(): void {
    this.#client?.close()
    this.#client = undefined
  }

  #note(line: string): void {
    this.text += `${line}\n`
  }
}

/** The next answer, taken from the client; nothing when the connection ends or time is up before. */
async function nextAnswer(client: TcpClient, method: string): Promise<Message | undefined> {
  let giveUpAt = performance.now() + limits.answerDeadlineMs
  for (;;) {
    const message = tryRead(client.pending, method, client.ending !== undefined)
    if (message === malformed) giveUpAt = Math.min(giveUpAt, performance.now() + limits.malformedMs)
    else if (message !== undefined) {
      await client.read(message.bytes)
      return message
    }
    if (client.ending !== undefined || performance.now() > giveUpAt) return undefined
    await client.change(giveUpAt - performance.now())
  }
}

const malformed = 'malformed'

/** Bytes that are no message stay unread and are shown as they are. */
function tryRead(
  bytes: Buffer,
  method: string,
  ended: boolean,
): Message | typeof malformed | undefined {
  try {
    return readResponse(bytes, { method, ended, lenient: true })
  } catch (failure) {
    if (failure instanceof MalformedMessage) return malformed
    throw failure
  }
}

function saysClose(message: Message): boolean {
  return valuesOf(message, 'connection').some((value) => value.toLowerCase() === 'close')
}

function firstLine(bytes: string): string {
  return show(Buffer.from(bytes.split('\r\n', 1)[0]!.slice(0, 200), 'latin1'))
}

/** Methods of the requests in bytes, as a lenient reader sees them. */
function methodsIn(bytes: string): string[] {
  const methods: string[] = []
  const line = /(?:^|\n)([A-Z]+) [^\r\n]* HTTP\/1\.\d\r?\n/g
  for (let match = line.exec(bytes); match !== null; match = line.exec(bytes)) {
    methods.push(match[1]!)
    const head = bytes.indexOf('\r\n\r\n', match.index)
    if (head < 0) break
    const length = /\r\ncontent-length: *(\d+)/i.exec(bytes.slice(match.index, head))
    line.lastIndex = head + 3 + Number(length?.[1] ?? 0)
  }
  return methods
}

function showAnswer(message: Message): string {
  const fields = message.fields.map(([name, value]) => `${name}: ${value}`)
  const trailers = message.trailers.map(([name, value]) => `trailer ${name}: ${value}`)
  const coding = valuesOf(message, 'content-encoding')[0]
  const body = message.body.length === 0 ? [] : ['', show(decode(message.body, coding))]
  return [message.start, ...fields, ...body, ...trailers].join('\n')
}

/** Compressed bytes depend on the library; what they hold must not. */
function decode(body: Buffer, coding: string | undefined): Buffer {
  try {
    if (coding === 'gzip') return Buffer.concat([Buffer.from('(gzip) '), gunzipSync(body)])
    if (coding === 'br') return Buffer.concat([Buffer.from('(br) '), brotliDecompressSync(body)])
  } catch (failure) {
    return Buffer.concat([Buffer.from(`(not ${coding}: ${String(failure)}) `), body])
  }
  return body
}

function show(bytes: Buffer): string {
  if (bytes.length > limits.bodyShownBytes) {
    return `(${bytes.length} bytes, sha1 ${createHash('sha1').update(bytes).digest('hex')})`
  }
  return bytes.toString('latin1').replaceAll(unprintable, (char) => {
    return char === '\r' ? '\\r' : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
}

// oxlint-disable-next-line no-control-regex
const unprintable = /[\0-\x08\x0b-\x1f\x7f-\xff]/g

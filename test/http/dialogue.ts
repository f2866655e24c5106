/** Bytes for a server, and its answers read strictly: how many well-formed ones came, and whether it closed. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Message, readResponse, statusOf } from '../support/http-messages.ts'
import type { Owner } from '../support/scope.ts'
import { connectTcp, connectTls, type TcpClient } from '../support/tcp.ts'

const limits = {
  /** Ends a hanging test; measures nothing. */
  deadlineMs: 8_000,
  /** How long nothing more may come before a connection counts as kept. */
  quietMs: 50,
  pieceGapMs: 10,
} as const

export interface Dialogue {
  /** Interim answers (1xx) included. */
  readonly answers: readonly Message[]
  /** Statuses of the final answers. */
  readonly statuses: readonly number[]
  readonly closed: boolean
}

/** A port of 127.0.0.1, the same with TLS, or a unix socket. */
export type Place = number | { readonly tls: number } | { readonly path: string }

export interface DialogueOptions {
  /** Methods of the requests, where it matters; GET is assumed. */
  readonly methods?: readonly string[]
  /** Final answers to wait for; one without it. */
  readonly answers?: number
  /** The last answer may end with the connection before it is whole. */
  readonly mayBeCut?: boolean
  /** How long nothing more may come. */
  readonly quietMs?: number
}

/**
 * Sends the pieces and reads until the answers are there, or the connection ends. An answer that is not
 * well-formed is an error, and so are bytes behind the last one.
 */
export async function dialogue(
  owner: Owner,
  place: Place,
  send: string | readonly string[],
  options: DialogueOptions = {},
): Promise<Dialogue> {
  const { methods = [], answers: wanted = 1, quietMs = limits.quietMs } = options
  const client = await connectTo(owner, place)
  try {
    await sendPieces(client, typeof send === 'string' ? [send] : send)
    const answers: Message[] = []
    const finals = (): number => answers.filter((answer) => statusOf(answer) >= 200).length
    while (finals() < wanted) {
      const answer = await nextAnswer(client, methods[finals()] ?? 'GET')
      if (answer === undefined) break
      answers.push(answer)
    }
    if (client.ending === undefined) await delay(quietMs)
    const cut = client.ending !== undefined && options.mayBeCut === true
    if (client.pending.length > 0 && !cut) {
      const rest = JSON.stringify(client.pending.toString('latin1', 0, 300))
      throw new Error(`more than ${wanted} answers: ${rest}`)
    }
    const statuses = answers.map(statusOf).filter((status) => status >= 200)
    return { answers, statuses, closed: client.ending !== undefined }
  } finally {
    client.close()
  }
}

function connectTo(owner: Owner, place: Place): Promise<TcpClient> {
  const host = '127.0.0.1'
  if (typeof place === 'number') return connectTcp(owner, { port: place, host })
  return 'tls' in place ? connectTls(owner, { port: place.tls, host }) : connectTcp(owner, place)
}

async function sendPieces(client: TcpClient, pieces: readonly string[]): Promise<void> {
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await delay(limits.pieceGapMs)
    // The server may have closed already: what it said is what counts.
    await client.send(Buffer.from(piece, 'latin1')).catch(() => undefined)
  }
}

async function nextAnswer(client: TcpClient, method: string): Promise<Message | undefined> {
  const giveUpAt = performance.now() + limits.deadlineMs
  for (;;) {
    const ended = client.ending !== undefined
    const answer = readResponse(client.pending, { method, ended })
    if (answer !== undefined) {
      await client.read(answer.bytes)
      if (answer.framing === 'close' || saysClose(answer)) await ending(client)
      return answer
    }
    if (ended) return undefined
    if (performance.now() > giveUpAt) throw new Error(`no answer: ${String(client.pending)}`)
    await client.change(giveUpAt - performance.now())
  }
}

function saysClose({ fields }: Message): boolean {
  return fields.some(([name, value]) => /^connection$/i.test(name) && /\bclose\b/i.test(value))
}

/** A server that says that it closes must close. */
async function ending(client: TcpClient): Promise<void> {
  const giveUpAt = performance.now() + limits.deadlineMs
  while (client.ending === undefined) {
    if (performance.now() > giveUpAt) throw new Error('said close, and stays open')
    await client.change(giveUpAt - performance.now())
  }
}

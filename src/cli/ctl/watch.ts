/**
 * `watch`: server-sent events as lines.
 *
 * ```text
 *   id: 7                                        2026-11-22T16:00:00Z  7  127.0.0.1  POST /api/v1/stream_srv
 *   data: {"revision":7,"time":…}         ─▶
 * ```
 */
import { text } from 'node:stream/consumers'
import { type CommandContext, exitCodes, faultOf } from './command.ts'
import { UsageError, wholeNumber } from './options.ts'

interface ChangeEvent {
  readonly revision?: unknown
  readonly time?: unknown
  readonly actor?: unknown
  readonly action?: unknown
}

export async function watch({ client, options, words, out, err }: CommandContext): Promise<number> {
  if (words.length > 0) throw new UsageError(`"${words[0]}" is one word too many`)
  const from = options.from === undefined ? '' : `?last=${wholeNumber(options.from)}`
  const message = await client.open({ method: 'GET', path: `/v2/events${from}` })
  const status = message.statusCode ?? 0
  if (status !== 200) {
    const answer = { status, headers: message.headers, body: await text(message) }
    err(faultOf(answer) ?? `control answered ${status}`)
    return status === 401 || status === 403 ? exitCodes.denied : exitCodes.refused
  }
  message.setEncoding('utf8')
  let pending = ''
  try {
    for await (const piece of message as AsyncIterable<string>) {
      const events = `${pending}${piece}`.split(/\r?\n\r?\n/)
      pending = events.pop() ?? ''
      for (const event of events) show(event, options.json, out)
    }
  } catch (error) {
    err(`the stream of events has broken off: ${(error as Error).message}`)
    return exitCodes.unreachable
  }
  err('control has ended the stream of events')
  return exitCodes.unreachable
}

/** Comments keep a stream alive and say nothing. */
function show(event: string, json: boolean, out: (line: string) => void): void {
  const data = event
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).trimStart())
    .join('\n')
  if (data !== '') out(json ? data : describe(data))
}

function describe(data: string): string {
  try {
    const { revision, time, actor, action } = JSON.parse(data) as ChangeEvent
    const words = [time, revision, actor, action].filter((word) => word !== undefined)
    return words.length === 0 ? data : words.map(String).join('  ')
  } catch {
    return data
  }
}

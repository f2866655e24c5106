/**
 * `GET /api/v2/events`: every change as a server-sent event (WHATWG HTML, "Server-sent events").
 *
 * ```text
 *   : revision 41                 what is in force when listening begins
 *
 *   id: 42
 *   event: change
 *   data: {"revision":42,"time":"…","actor":"token deploy (k3J…)","peer":"10.0.0.7",
 *          "action":"PATCH /api/v2/config","keys":["/dyn/…"]}      on one line
 *
 *   :                             now and then, so that neither side takes the other for dead
 * ```
 *
 * `Last-Event-ID` is the revision to go on behind; without it, listening begins now.
 */
import { type Endpoint, json, notFound } from '../api.ts'
import { ChangeFeed } from '../change-feed.ts'
import { eventHeartbeatMs, eventListenersMax } from '../limits.ts'
import { type Operation, replySchema } from '../operation.ts'
import type { ControlPlane, HistoryEntry } from '../plane.ts'

const operation: Operation = {
  method: 'get',
  path: '/v2/events',
  summary: 'Tells of every change as it is made',
  description:
    'Server-sent events. "Last-Event-ID", or the parameter "last", is a revision: changes after it come first.',
  query: [
    { name: 'last', description: 'As the field Last-Event-ID.', schema: { type: 'integer' } },
  ],
  responses: {
    200: { description: 'A stream of events named "change".' },
    400: { description: 'That is no revision.', schema: replySchema },
    503: { description: `More than ${eventListenersMax} listen already.`, schema: replySchema },
  },
}

const feeds = new WeakMap<ControlPlane, ChangeFeed>()

export const events: Endpoint = {
  key: '/v2/events',
  operations: [operation],
  handle: async (request, plane) => {
    if (request.path.length > 0 || request.method !== 'GET') return notFound()
    const last = request.headers.get('last-event-id') ?? request.query.get('last')
    if (last !== null && !/^\d{1,15}$/.test(last)) {
      return json(400, { code: 10, msg: 'the last event is a whole number' })
    }
    const feed = feedOf(plane)
    if (feed.listeners >= eventListenersMax) {
      return json(503, { code: 503, msg: 'too many listen already' })
    }
    const { revision } = plane.version()
    const from = last === null ? revision : Math.min(Number(last), revision)
    return new Response(new Listener(feed, from, revision).stream, {
      headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
    })
  },
}

function feedOf(plane: ControlPlane): ChangeFeed {
  const known = feeds.get(plane)
  if (known !== undefined) return known
  const feed = new ChangeFeed(plane)
  feeds.set(plane, feed)
  return feed
}

/** One who listens; it is told no faster than it reads. */
class Listener {
  readonly stream: ReadableStream<Uint8Array>
  readonly #feed: ChangeFeed
  readonly #onChange = (): void => this.#wake()
  #revision: number
  #isClosed = false
  /** Something changed since the feed was asked last. */
  #isAwake = false
  #resume: ((hasChanged: boolean) => void) | undefined

  constructor(feed: ChangeFeed, from: number, current: number) {
    this.#feed = feed
    this.#revision = from
    feed.join(this.#onChange)
    this.stream = new ReadableStream({
      start: (controller) => controller.enqueue(Buffer.from(`: revision ${current}\n\n`)),
      pull: (controller) => this.#next(controller),
      cancel: () => this.#close(),
    })
  }

  async #next(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    while (!this.#isClosed) {
      this.#isAwake = false
      const entries = await this.#feed.since(this.#revision)
      const last = entries.at(-1)
      if (last !== undefined) {
        this.#revision = last.revision
        controller.enqueue(Buffer.from(entries.map(toEvent).join('')))
        return
      }
      if (this.#isAwake || (await this.#hearOfChange())) continue
      if (!this.#isClosed) controller.enqueue(Buffer.from(':\n\n'))
      return
    }
  }

  /** False when it was time for a sign of life. */
  async #hearOfChange(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.#resume = resolve
    const timer = setTimeout(() => resolve(false), eventHeartbeatMs)
    const hasChanged = await promise
    clearTimeout(timer)
    this.#resume = undefined
    return hasChanged
  }

  #wake(): void {
    this.#isAwake = true
    this.#resume?.(true)
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#feed.leave(this.#onChange)
    this.#wake()
  }
}

function toEvent({ edits, ...change }: HistoryEntry): string {
  const data = { ...change, keys: edits.map(({ key }) => key) }
  return `id: ${change.revision}\nevent: change\ndata: ${JSON.stringify(data)}\n\n`
}

/**
 * The child's end of the channel to its master.
 *
 * Answers find their question by number. When the master is gone the child has no reason to be: whoever
 * uses the channel hears of it and ends.
 */
import { DescriptorChannel } from '../net/descriptor-passing.ts'
import type { DescriptorSource } from '../net/descriptor-source.ts'
import type { ListenSpec } from '../net/listen-plan.ts'
import { ListenError } from '../net/listening-socket.ts'
import type { Answer, Ask, FromChild, ListenFailure, ToChild } from './messages.ts'

export interface ChannelHandler {
  onMessage(message: ToChild): void
  /** Logs are to be opened anew. */
  onReopen(): void
  /** The master is gone. */
  onGone(): void
}

type Settle<T> = (value: T) => void

/** What `process` offers of a channel; a test has one of its own. */
export interface RawChannel {
  send(message: FromChild): void
  onMessage(listener: (messages: readonly ToChild[]) => void): void
  onDisconnect(listener: () => void): void
}

/** Where a child finds its end of the channel of descriptors: after its standard streams and Node's channel. */
const descriptorChannelAt = 4

export class MasterChannel implements DescriptorSource {
  readonly #raw: RawChannel
  readonly #passed: DescriptorChannel
  readonly #asked = new Map<number, Settle<Answer>>()
  readonly #listening = new Map<number, Settle<ListenFailure | undefined>>()
  readonly #arrived = new Map<string, number>()
  #number = 0

  constructor(raw: RawChannel, handler: ChannelHandler) {
    this.#raw = raw
    this.#passed = new DescriptorChannel(descriptorChannelAt)
    raw.onDisconnect(() => handler.onGone())
    raw.onMessage((messages) => {
      for (const message of messages) this.#take(message, handler)
    })
  }

  send(message: FromChild): void {
    this.#raw.send(message)
  }

  ask(ask: Ask): Promise<Answer> {
    const request = ++this.#number
    const { promise, resolve } = Promise.withResolvers<Answer>()
    this.#asked.set(request, resolve)
    this.send({ kind: 'request', request, ask })
    return promise
  }

  /** Asks for a listening socket, which the master opens unless it is open. Rejects with `ListenError`. */
  async open({ key, protocol, address, options }: ListenSpec): Promise<number> {
    const request = ++this.#number
    const { promise, resolve } = Promise.withResolvers<ListenFailure | undefined>()
    this.#listening.set(request, resolve)
    this.send({ kind: 'listen', request, spec: { key, protocol, address, options } })
    const failure = await promise
    if (failure !== undefined) throw toListenError(failure)
    return this.#received(String(request))
  }

  release({ key }: ListenSpec): void {
    this.send({ kind: 'release', key })
  }

  #take(message: ToChild, handler: ChannelHandler): void {
    if (message.kind === 'answer') this.#settle(this.#asked, message.request, message.answer)
    else if (message.kind === 'listening') {
      this.#settle(this.#listening, message.request, message.failure)
    } else if (message.kind === 'reopen') handler.onReopen()
    else handler.onMessage(message)
  }

  /** Several may have arrived: the master answers faster than we ask. */
  #received(label: string): number {
    for (const item of this.#passed.receive()) this.#arrived.set(item.label, item.descriptor)
    const descriptor = this.#arrived.get(label)
    if (descriptor === undefined) throw new Error('a listening descriptor did not arrive')
    this.#arrived.delete(label)
    return descriptor
  }

  #settle<T>(waiting: Map<number, Settle<T>>, request: number, value: T): void {
    waiting.get(request)?.(value)
    waiting.delete(request)
  }
}

/** The master's error, with its words. */
function toListenError({ message, code, syscall, port }: ListenFailure): ListenError {
  const error = new ListenError('', Object.assign(new Error(message), { code, syscall }), port)
  error.message = message
  return error
}

/** The channel that Node made for this process; only children of a master have one. */
export function processChannel(): RawChannel {
  return {
    // A master that is just going away does not take it; its end is heard of by `disconnect`.
    send: (message) => void process.send?.(message, undefined, {}, () => {}),
    onMessage: (listener) => void process.on('message', listener as (messages: unknown) => void),
    onDisconnect: (listener) => void process.on('disconnect', listener),
  }
}

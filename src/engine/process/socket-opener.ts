/**
 * Opens sockets for children. While the engine starts, a port that is taken is tried again for a while, as
 * nginx does: its former owner may just be going.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ListenSpec } from '../net/listen-plan.ts'
import { ListenError } from '../net/listening-socket.ts'
import type { Announcer } from './announcer.ts'
import type { Borrower, DescriptorRegistry } from './descriptor-registry.ts'
import { processLimits } from './limits.ts'

export class SocketOpener {
  readonly #registry: DescriptorRegistry
  readonly #announcer: Announcer
  readonly #onListening: (text: string) => void
  readonly #known = new Set<string>()
  #starting = true
  /** Told for the first worker's sockets; the others ask for the same. */
  readonly #said = new Set<string>()

  constructor(
    registry: DescriptorRegistry,
    announcer: Announcer,
    onListening: (text: string) => void = () => {},
  ) {
    this.#registry = registry
    this.#announcer = announcer
    this.#onListening = onListening
  }

  /** The start is over. What a former master gave and nobody asks for is closed after a while. */
  onServing(): void {
    this.#starting = false
    this.#said.clear()
    const timer = setTimeout(() => this.#registry.closeInherited(), processLimits.inheritedKeepMs)
    timer.unref()
  }

  /** Rejects with `ListenError`. The descriptor stays the registry's. */
  async open(borrower: Borrower, spec: ListenSpec): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      try {
        const descriptor = this.#registry.open(borrower, spec)
        this.#tell(`${borrower.family} ${spec.key}`)
        return descriptor
      } catch (error) {
        if (!this.#isWorthWaiting(error, attempt)) throw error
        this.#say(`${spec.key} ${attempt}`, error)
        await sleep(processLimits.bindRetryMs)
      }
    }
  }

  /** While the engine starts; later ones are told by whoever asked for them. */
  #tell(text: string): void {
    if (this.#known.has(text) || this.#known.size >= processLimits.listeningToldMax) return
    this.#known.add(text)
    this.#onListening(text)
  }

  #isWorthWaiting(error: unknown, attempt: number): error is ListenError {
    const taken = error instanceof ListenError && error.code === 'EADDRINUSE'
    return taken && this.#starting && attempt < processLimits.bindAttemptsMax
  }

  #say(what: string, { message }: ListenError): void {
    if (this.#said.has(what)) return
    this.#said.add(what)
    this.#announcer.say('emerg', message)
    const { bindRetryMs } = processLimits
    this.#announcer.log.write('notice', `try again to bind() after ${bindRetryMs}ms`)
  }
}

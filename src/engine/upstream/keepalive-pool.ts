/**
 * Connections to the peers of a group that wait for their next request, in one worker.
 *
 * The one that was used last is used next, so that those too many grow old and are closed by their time-out.
 * Where there are more than the group keeps, the one that waits longest is closed.
 *
 * ```text
 *   by key   '10.0.0.1:80' ─▶ [a, c]      take: the last of its key
 *            '10.0.0.2:80' ─▶ [b]
 *   by age   a ⇄ b ⇄ c                    evict: the first of all
 * ```
 */
import type { KeepaliveConfig } from './parse-upstream.ts'

/** A connection that can wait. The pool alone writes `older` and `newer`. */
export interface IdleConnection {
  /** Whom it leads to and how: connections with the same key can stand in for one another. */
  readonly key: string
  older: IdleConnection | undefined
  newer: IdleConnection | undefined
  /** The pool has no place for it any more. */
  close(): void
}

/** Where the connections that wait are counted for those who look on, over all workers. */
export interface IdleGauge {
  add(delta: number): void
}

export class KeepalivePool<Connection extends IdleConnection = IdleConnection> {
  #config: KeepaliveConfig
  #gauge: IdleGauge | undefined
  readonly #byKey = new Map<string, Connection[]>()
  #oldest: Connection | undefined = undefined
  #newest: Connection | undefined = undefined
  #size = 0

  constructor(config: KeepaliveConfig, gauge?: IdleGauge) {
    this.#config = config
    this.#gauge = gauge
  }

  get config(): KeepaliveConfig {
    return this.#config
  }

  /** Connections that wait. */
  get size(): number {
    return this.#size
  }

  /** Takes another configuration into use; what it has no room for is closed. */
  configure(config: KeepaliveConfig, gauge?: IdleGauge): void {
    this.#config = config
    this.#gauge?.add(-this.#size)
    this.#gauge = gauge
    gauge?.add(this.#size)
    while (this.#size > config.connections) this.#evict()
    for (const [key, same] of this.#byKey) if (same.length === 0) this.#byKey.delete(key)
  }

  /**
   * The connection of that key that was used last; it is the caller's from here on. A list that runs empty
   * stays until the group changes: the connection is likely to come back to it.
   */
  take(key: string): Connection | undefined {
    const connection = this.#byKey.get(key)?.pop()
    if (connection !== undefined) this.#unlink(connection)
    return connection
  }

  /** Lets a connection wait. */
  keep(connection: Connection): void {
    if (this.#config.connections === 0) {
      connection.close()
      return
    }
    if (this.#size >= this.#config.connections) this.#evict()
    const same = this.#byKey.get(connection.key)
    if (same === undefined) this.#byKey.set(connection.key, [connection])
    else same.push(connection)
    connection.older = this.#newest
    if (this.#newest !== undefined) this.#newest.newer = connection
    else this.#oldest = connection
    this.#newest = connection
    this.#size += 1
    this.#gauge?.add(1)
  }

  /** A connection that waits has ended by itself. */
  remove(connection: Connection): void {
    const same = this.#byKey.get(connection.key)
    const at = same?.indexOf(connection) ?? -1
    if (at < 0) return
    same!.splice(at, 1)
    if (same!.length === 0) this.#byKey.delete(connection.key)
    this.#unlink(connection)
  }

  /** Closes all that wait. Whatever comes yet is not counted: the group may be gone. */
  close(): void {
    while (this.#size > 0) this.#evict()
    this.#gauge = undefined
  }

  #evict(): void {
    const oldest = this.#oldest!
    this.remove(oldest)
    oldest.close()
  }

  #unlink(connection: Connection): void {
    const { older, newer } = connection
    if (older === undefined) this.#oldest = newer as Connection | undefined
    else older.newer = newer
    if (newer === undefined) this.#newest = older as Connection | undefined
    else newer.older = older
    connection.older = undefined
    connection.newer = undefined
    this.#size -= 1
    this.#gauge?.add(-1)
  }
}

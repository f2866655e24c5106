/**
 * The live sessions of one virtual server, so that they can be closed when it is deleted.
 *
 * The links are fields of the sessions themselves: joining and leaving allocates nothing. A list outlives
 * versions of its server: a server that was changed goes on with the list of the one it replaces.
 */

export interface Listed {
  nextListed: Listed | undefined
  previousListed: Listed | undefined
}

export class SessionList<T extends Listed> {
  #head: T | undefined = undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  add(session: T): void {
    session.nextListed = this.#head
    session.previousListed = undefined
    if (this.#head !== undefined) this.#head.previousListed = session
    this.#head = session
    this.#size += 1
  }

  remove(session: T): void {
    const { nextListed: next, previousListed: previous } = session
    if (previous === undefined) this.#head = next as T | undefined
    else previous.nextListed = next
    if (next !== undefined) next.previousListed = previous
    session.nextListed = undefined
    session.previousListed = undefined
    this.#size -= 1
  }

  /** A copy: what is done with the sessions may change the list. */
  sessions(): readonly T[] {
    const all: T[] = []
    for (let at = this.#head; at !== undefined; at = at.nextListed as T | undefined) all.push(at)
    return all
  }
}

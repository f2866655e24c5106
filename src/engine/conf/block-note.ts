/**
 * What is remembered of blocks, kept with them.
 *
 * A change makes new nodes by the dozen, and most of them are gone with the next change. In a `WeakMap` they
 * would leave their entries behind for the collector of garbage to go through, again and again while it
 * looks for keys that live, and all clients wait for that. What a block holds itself goes with it.
 */

/** Kinds of notes that there are. */
let kinds = 0

/** Something that notes can be kept with; it may be frozen. */
export class Notable {
  #notes: unknown[] | undefined = undefined

  static read(owner: Notable, kind: number): unknown {
    return owner.#notes?.[kind]
  }

  static write(owner: Notable, kind: number, note: unknown): void {
    owner.#notes ??= []
    owner.#notes[kind] = note
  }
}

/** One kind of notes: made once, at the start. */
export class Note<T> {
  readonly #kind: number = kinds++

  get(owner: Notable): T | undefined {
    return Notable.read(owner, this.#kind) as T | undefined
  }

  set(owner: Notable, note: T): void {
    Notable.write(owner, this.#kind, note)
  }
}

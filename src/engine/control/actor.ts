/** Who asks for a change and from where, and how the audit and the history say it: in the same words. */

export interface Actor {
  /** Where the request came from: an address, or `unix:`. */
  readonly peer: string
  /** Who it was, where that is known: `token deploy (k3J…)`, `certificate CN=ops`, `user 0`. */
  readonly name?: string | undefined
}

export interface Origin {
  /** Who; where nobody was named, the peer. */
  readonly actor: string
  /** From where: an address, or `unix:`. */
  readonly peer: string
}

export function originOf({ peer, name }: Actor): Origin {
  return { actor: name ?? peer, peer }
}

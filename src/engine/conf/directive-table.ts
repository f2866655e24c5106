/**
 * The least that testing a configuration must know of its directives: where they may stand, and their shape.
 *
 * The table itself is made above, from the modules; what arguments mean is their owners' business.
 */

/** Fewest and most arguments. */
type Arity = readonly [min: number, max: number]

/** The shapes under which one name may stand in one context: as a directive, as a block, or both. */
export interface DirectiveShape {
  readonly row?: SimpleShape | undefined
  readonly block?: BlockShape | undefined
}

export interface SimpleShape {
  readonly args: Arity
  /** Given when the directive may stand more than once in a block. */
  readonly merge?: unknown
}

export interface BlockShape {
  readonly args: Arity
  /** The context of its children; `free`: its owner alone knows what its lines mean. */
  readonly opens: string
  readonly repeated: boolean
}

export interface DirectiveTable {
  find(context: string, name: string): DirectiveShape | undefined
  /** True when the name may stand somewhere: "not allowed here" rather than "unknown". */
  knows(name: string): boolean
}

/** Which types a filter takes: `gzip_types`, `sub_filter_types` and the like. */
import type { ValueType } from '../core/module.ts'

export class MimeSet {
  readonly #types: ReadonlySet<string>
  readonly #all: boolean

  constructor(types: readonly string[]) {
    this.#types = new Set(types.map((type) => type.toLowerCase()))
    this.#all = this.#types.has('*')
  }

  /** A response without a type is taken by "*" alone. */
  has(type: string | undefined): boolean {
    if (this.#all || type === undefined) return this.#all
    return this.#types.has(type) || this.#types.has(type.toLowerCase())
  }
}

/** What nginx has where nothing is said, and always besides. */
const usual = 'text/html'

export const usualMimeSet: MimeSet = new MimeSet([usual])

export const mimeSet: ValueType<MimeSet> = {
  describe: 'mime-type ...',
  parse: (types) => new MimeSet([usual, ...types]),
}

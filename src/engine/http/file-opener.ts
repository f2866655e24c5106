/** How the files of a location are opened: with what restrictions, and through which cache. */
import { fileSystem } from '../net/create-file-system.ts'
import type { FileKind } from '../net/file-system.ts'
import { documentRoot } from './file-path.ts'
import { type OpenFile, openFile } from './open-file.ts'
import type { OpenFileCache, OpenFileRules } from './open-file-cache.ts'
import type { Request } from './request.ts'

export interface FileOpenerOptions {
  /** Files must lie under the root, symbolic links followed. */
  readonly inside: boolean
  readonly cache: OpenFileCache | undefined
  readonly rules: OpenFileRules
}

export class FileOpener {
  readonly #inside: boolean
  readonly #cache: OpenFileCache | undefined
  readonly #rules: OpenFileRules

  constructor({ inside, cache, rules }: FileOpenerOptions) {
    this.#inside = inside
    this.#cache = cache
    this.#rules = rules
  }

  /** The file, or an error as of `openFile`. */
  open(request: Request, path: string): OpenFile | number {
    const root = this.#inside && !request.location.root.whole ? documentRoot(request) : undefined
    return this.#cache === undefined
      ? openFile(path, root)
      : this.#cache.open(path, root, this.#rules)
  }

  /** What there is, without reading it; or an error. */
  look(request: Request, path: string): FileKind | number {
    if (this.#cache === undefined) {
      const files = fileSystem()
      const error = files.look(path)
      return error === 0 ? files.kind : error
    }
    const found = this.open(request, path)
    if (typeof found === 'number') return found
    found.release()
    return found.kind
  }
}

/** Types of responses by the ending of the path: `types { text/html html htm; }`. */
import { type Block, directives } from '../conf/block.ts'
import { BlockMemo } from '../conf/block-memo.ts'
import type { CompileSession } from '../core/compile-session.ts'
import type { Request } from './request.ts'

export type MimeTypes = ReadonlyMap<string, string>

/** What nginx knows where no block says anything. */
export const defaultTypes: MimeTypes = new Map([
  ['html', 'text/html'],
  ['gif', 'image/gif'],
  ['jpg', 'image/jpeg'],
])

const noBlocks: readonly Block[] = Object.freeze([])

const typesBlocks: BlockMemo<Block> = new BlockMemo(({ name, block }) =>
  name === 'types' && block !== undefined ? [block] : noBlocks,
)

/** The types in force in a block: its own, all `types` of it together, or the outer ones. */
export function typesOf(
  block: Block | undefined,
  outer: MimeTypes,
  session: CompileSession,
): MimeTypes {
  if (block === undefined) return outer
  let own: Map<string, string> | undefined
  for (const types of typesBlocks.of(block)) {
    own ??= new Map<string, string>()
    for (const entry of directives(types)) {
      for (const ending of entry.args) {
        const key = ending.toLowerCase()
        const known = own.get(key)
        if (known !== undefined && known !== entry.name) {
          session.warn(
            `duplicate extension "${ending}", content type: "${entry.name}", previous content type: "${known}"`,
            entry,
          )
        }
        own.set(key, entry.name)
      }
    }
  }
  return own ?? outer
}

/** The type for the path of a request; `undefined` where `default_type` is empty. */
export function contentTypeOf({ uri, location }: Request): string | undefined {
  const dot = uri.lastIndexOf('.')
  const { default_type: usual } = location.core
  const fallback = usual === '' ? undefined : usual
  if (dot < 0 || dot === uri.length - 1) return fallback
  const ending = uri.slice(dot + 1)
  return location.types.get(ending) ?? location.types.get(ending.toLowerCase()) ?? fallback
}

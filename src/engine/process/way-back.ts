/**
 * The edits that take the instructions back to what they were.
 *
 * Where it matters which of some things comes first, what comes back stands where it stood: those that were
 * younger are taken away and set again behind it.
 *
 * ```text
 *   then   location ~ a   location ~ b   location ~ c        now   location ~ a   location ~ c   location ~ d
 *   edits  c, d taken away; b set; c set                     d is not to be there
 * ```
 */
import type { Edit } from '../control/instruction.ts'
import { isNewcomer, rowOf } from '../control/instruction-kinds.ts'

/** When an instruction came: in which revision, and as which edit of it. */
export interface Birth {
  readonly revision: number
  readonly position: number
}

/** What was done to a key. */
export interface PastChange {
  readonly key: string
  /** Body before it; `null` where there was none. */
  readonly before: string | null
  /** When that had come which it ended, where it ended something and that is known. */
  readonly birth: Birth | undefined
}

export interface Present {
  /** By age, the oldest first. */
  readonly instructions: ReadonlyMap<string, string>
  readonly birthOf: (key: string) => Birth
}

/** `since` is what was done after the moment that is to be gone back to, the oldest first. */
export function wayBack(since: readonly PastChange[], present: Present): Edit[] {
  const bodies = new Map<string, string | null>()
  const births = new Map<string, Birth>()
  for (const { key, before, birth } of since) {
    if (!bodies.has(key)) bodies.set(key, before)
    if (birth !== undefined && !births.has(key)) births.set(key, birth)
  }
  const moved = inRows(bodies, births, present)
  const named = new Set(moved.map(({ key }) => key))
  const others = [...bodies]
    .filter(([key, body]) => !named.has(key) && (present.instructions.get(key) ?? null) !== body)
    .map(([key, body]) => ({ key, body }))
  return [...others, ...moved]
}

/** Of each row that something comes back to: that, and all that is younger, in their order. */
function inRows(
  bodies: ReadonlyMap<string, string | null>,
  births: ReadonlyMap<string, Birth>,
  { instructions, birthOf }: Present,
): readonly Edit[] {
  const first = new Map<string, Birth>()
  for (const [key, birth] of births) {
    const body = bodies.get(key) ?? null
    const row = isNewcomer(body) ? undefined : rowOf({ key, body: body! })
    const known = row === undefined ? undefined : first.get(row)
    if (row !== undefined && (known === undefined || isOlder(birth, known))) first.set(row, birth)
  }
  if (first.size === 0) return []
  const then = new Map<string, string | null>([...instructions, ...bodies])
  return [...then]
    .flatMap(([key, body]) => {
      const row = isNewcomer(body) ? undefined : rowOf({ key, body: body! })
      const since = row === undefined ? undefined : first.get(row)
      if (since === undefined) return []
      const birth = births.get(key) ?? birthOf(key)
      return isOlder(birth, since) ? [] : [{ key, body: body!, birth }]
    })
    .sort((a, b) => (isOlder(a.birth, b.birth) ? -1 : 1))
    .flatMap(({ key, body }): Edit[] =>
      instructions.has(key)
        ? [
            { key, body: null },
            { key, body },
          ]
        : [{ key, body }],
    )
}

function isOlder(one: Birth, other: Birth): boolean {
  return (
    one.revision < other.revision ||
    (one.revision === other.revision && one.position < other.position)
  )
}

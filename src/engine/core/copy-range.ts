/** Copies bytes from one buffer to another. */

/** A native call costs as much as copying so many bytes here. */
const shortRangeMax = 32

/** Copies `from[start, end)` to `into` at `at`; returns where the copy ends. There must be room. */
export function copyRange(
  from: Buffer,
  start: number,
  end: number,
  into: Buffer,
  at: number,
): number {
  const length = end - start
  if (length > shortRangeMax) {
    from.copy(into, at, start, end)
    return at + length
  }
  for (let i = 0; i < length; i++) into[at + i] = from[start + i]!
  return at + length
}

/** Copies a whole buffer. */
export function copyAll(from: Buffer, into: Buffer, at: number): number {
  return copyRange(from, 0, from.length, into, at)
}

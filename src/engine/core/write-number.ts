/** Writes whole numbers as digits. */

const digitZero = 0x30

/**
 * Digits of a number that is not negative, with zeros before them up to `width`; returns where they end.
 * There must be room.
 */
export function writeNumber(into: Buffer, start: number, value: number, width: number = 1): number {
  let digits = 1
  for (let rest = value; rest >= 10; rest /= 10) digits++
  if (digits < width) digits = width
  let rest = value
  for (let at = start + digits - 1; at >= start; at--) {
    const next = Math.trunc(rest / 10)
    into[at] = rest - next * 10 + digitZero
    rest = next
  }
  return start + digits
}

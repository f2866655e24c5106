/** Two texts line by line: lines of the first alone with "-", of the second alone with "+". */

/** The longest common sequence is looked for in texts up to this product of lines. */
const cellsMax = 4_000_000

export function lineDifference(nginx: string, trijet: string): string {
  const [a, b] = [nginx.split('\n'), trijet.split('\n')]
  const title = '- nginx\n+ trijet\n'
  if (a.length * b.length > cellsMax) return `${title}${nginx}\n=====\n${trijet}`
  const common = commonLengths(a, b)
  const lines: string[] = []
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push(`  ${a[i]}`)
      i += 1
      j += 1
    } else if (j >= b.length || (i < a.length && common[i + 1]![j]! >= common[i]![j + 1]!)) {
      lines.push(`- ${a[i]}`)
      i += 1
    } else {
      lines.push(`+ ${b[j]}`)
      j += 1
    }
  }
  return title + lines.join('\n')
}

/** `[i][j]`: lines that `a` from `i` and `b` from `j` on have in common. */
function commonLengths(a: readonly string[], b: readonly string[]): number[][] {
  const table = Array.from({ length: a.length + 1 }, () => Array<number>(b.length + 1).fill(0))
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const next = table[i + 1]!
      table[i]![j] = a[i] === b[j] ? next[j + 1]! + 1 : Math.max(next[j]!, table[i]![j + 1]!)
    }
  }
  return table
}

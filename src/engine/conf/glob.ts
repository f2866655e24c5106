/**
 * File name patterns of `include`, as glob(3) reads them: `*`, `?`, `[a-z]`, `[!a-z]` within one segment of
 * a path, `\` before a character that is meant as it is. A leading dot must be matched by a dot.
 */

export function isGlob(path: string): boolean {
  return /[*?[]/.test(path)
}

/** One character of a name, or any number of them. */
type Token = '*' | ((char: string) => boolean)

/** Tells which names of one folder a segment of a pattern matches. */
export function segmentMatcher(segment: string): (name: string) => boolean {
  const tokens = tokenize(Array.from(segment))
  const dotted = segment.startsWith('.')
  return (name) => (dotted || !name.startsWith('.')) && matches(tokens, Array.from(name))
}

/** Goes back to the last star only, so that no pattern takes more than tokens × characters. */
function matches(tokens: readonly Token[], chars: readonly string[]): boolean {
  let token = 0
  let char = 0
  let star = -1
  let resume = 0
  while (char < chars.length) {
    const expected = tokens[token]
    if (expected === '*') {
      star = token++
      resume = char
    } else if (expected?.(chars[char]!)) {
      token++
      char++
    } else if (star >= 0) {
      token = star + 1
      char = ++resume
    } else return false
  }
  return tokens.slice(token).every((rest) => rest === '*')
}

function tokenize(pattern: readonly string[]): readonly Token[] {
  const tokens: Token[] = []
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!
    const end = char === '[' ? closingBracket(pattern, i) : -1
    if (char === '*') tokens.push('*')
    else if (char === '?') tokens.push(() => true)
    else if (end > 0) {
      tokens.push(oneOf(pattern.slice(i + 1, end)))
      i = end
    } else {
      const literal = char === '\\' ? (pattern[++i] ?? '\\') : char
      tokens.push((found) => found === literal)
    }
  }
  return tokens
}

/** A "]" that comes first in the brackets is a member of them. */
function closingBracket(pattern: readonly string[], open: number): number {
  const negated = pattern[open + 1] === '!' || pattern[open + 1] === '^'
  return pattern.indexOf(']', open + (negated ? 3 : 2))
}

function oneOf(content: readonly string[]): (char: string) => boolean {
  const negated = content[0] === '!' || content[0] === '^'
  const members = negated ? content.slice(1) : content
  return (char) => holds(members, char) !== negated
}

function holds(members: readonly string[], char: string): boolean {
  for (let i = 0; i < members.length; i++) {
    const low = members[i]!
    const isRange = members[i + 1] === '-' && i + 2 < members.length
    const high = isRange ? members[i + 2]! : low
    if (isRange) i += 2
    if (char >= low && char <= high) return true
  }
  return false
}

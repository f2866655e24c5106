/**
 * Code-like blocks: directives whose block holds a program, not directives.
 *
 * Such a block ends at the brace that closes it, where braces in the language's own strings and comments
 * do not count. Its text is kept as it is.
 */

/** Length of the string or comment that begins at `index`, or 0. */
export type SkipRule = (text: string, index: number) => number

/** How to find the end of the block of that directive, or `undefined` where it holds directives. */
export function scriptRule(name: string): SkipRule | undefined {
  if (name.endsWith('_by_lua_block')) return skipLua
  if (name.endsWith('_by_njs_block') || name.endsWith('_script')) return skipJavaScript
  return undefined
}

/** Index of the "}" that closes the block whose text begins at `start`, or -1. */
export function scriptEnd(text: string, start: number, skip: SkipRule): number {
  let depth = 1
  for (let i = start; i < text.length;) {
    const passed = skip(text, i)
    if (passed === 0) {
      if (text[i] === '{') depth++
      else if (text[i] === '}' && --depth === 0) return i
    }
    i += Math.max(passed, 1)
  }
  return -1
}

/** Lua: `--` and `--[[ ]]` comments, `"…"`, `'…'`, `[[ ]]` and `[=[ ]=]` strings. */
function skipLua(text: string, index: number): number {
  const char = text[index]
  if (char === '"' || char === "'") return quotedLength(text, index)
  if (char === '[') return longBracketLength(text, index)
  if (char !== '-' || text[index + 1] !== '-') return 0
  const bracket = longBracketLength(text, index + 2)
  return bracket > 0 ? bracket + 2 : lengthThrough('\n', text, index)
}

/** JavaScript: comments of both kinds, `"…"`, `'…'` and template strings. */
function skipJavaScript(text: string, index: number): number {
  const char = text[index]
  if (char === '"' || char === "'" || char === '`') return quotedLength(text, index)
  if (char !== '/') return 0
  if (text[index + 1] === '/') return lengthThrough('\n', text, index)
  return text[index + 1] === '*' ? lengthThrough('*/', text, index) : 0
}

const longBracket = /\[(=*)\[/y

function longBracketLength(text: string, index: number): number {
  longBracket.lastIndex = index
  const level = longBracket.exec(text)?.[1]
  return level === undefined ? 0 : lengthThrough(`]${level}]`, text, index)
}

/** A string ends at its quote; one in single or double quotes also where its line ends. */
function quotedLength(text: string, index: number): number {
  const quote = text[index]
  for (let i = index + 1; i < text.length; i++) {
    const char = text[i]
    if (char === quote || (char === '\n' && quote !== '`')) return i + 1 - index
    if (char === '\\') i++
  }
  return text.length - index
}

/** What is never closed runs to the end, so that no text is looked at twice. */
function lengthThrough(end: string, text: string, index: number): number {
  const found = text.indexOf(end, index + 1)
  return (found < 0 ? text.length : found + end.length) - index
}

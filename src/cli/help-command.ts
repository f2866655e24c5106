/**
 * `trijet help [directive | topic]`: what a directive is, from the same declarations that read it.
 *
 * ```text
 *   trijet help              topics
 *   trijet help proxy_pass   the directive, in each subsystem that has it
 *   trijet help http.proxy   the directives of a module
 * ```
 */
import { builtInModules } from '../engine/process/built-ins.ts'
import { type DirectiveEntry, entriesOf } from './directive-entries.ts'
import { nearestWords } from './nearest-words.ts'
import { usageText } from './usage.ts'

const lineCharsMax = 100

/** Gives the exit code: 1 where there is nothing of that name. */
export function helpCommand(words: readonly string[]): number {
  const [name, ...rest] = words
  if (rest.length > 0) return complain(`one name at a time: trijet help ${name}`)
  const entries = entriesOf(builtInModules)
  if (name === undefined) return say(topicsText(entries))
  const found = entries.filter((entry) => entry.name === name)
  if (found.length > 0) return say(found.map(entryText).join('\n'))
  const ofModule = entries.filter(({ module }) => module === name)
  if (ofModule.length > 0) return say(moduleText(name, ofModule))
  return complain(unknownText(name, entries))
}

export function entryText(entry: DirectiveEntry): string {
  const { syntax, doc, fallback = 'none', contexts, module, mayRepeat, secret } = entry
  const facts = [
    `Default:  ${fallback}`,
    `Context:  ${contexts.join(', ')}`,
    ...(mayRepeat ? ['Repeated: may stand more than once'] : []),
    ...(secret === undefined ? [] : [`Secret:   ${secret}; control shows it to admins alone`]),
    `Module:   ${module}`,
  ]
  return `${syntax}\n\n${indent(doc)}\n\n${facts.map((fact) => `    ${fact}`).join('\n')}\n`
}

function moduleText(id: string, entries: readonly DirectiveEntry[]): string {
  const width = Math.max(...entries.map(({ name }) => name.length))
  const lines = entries.map(({ name, doc }) => `    ${name.padEnd(width)}  ${doc}`)
  return `Directives of ${id}:\n\n${lines.join('\n')}\n`
}

function topicsText(entries: readonly DirectiveEntry[]): string {
  const ids = [...new Set(entries.map(({ module }) => module))].toSorted()
  return [
    usageText(),
    'Further commands:\n',
    '    trijet help DIRECTIVE   what a directive is, as in: trijet help proxy_pass',
    '    trijet help MODULE      the directives of a module',
    '    trijet ctl              looks at a running engine and changes it\n',
    `Modules:\n\n${indent(ids.join(' '))}\n`,
  ].join('\n')
}

function unknownText(name: string, entries: readonly DirectiveEntry[]): string {
  const names = [...new Set(entries.flatMap((entry) => [entry.name, entry.module]))]
  const near = nearestWords(name, names)
  const hint = near.length === 0 ? 'trijet help lists modules' : `did you mean ${near.join(', ')}?`
  return `there is no directive or module "${name}"; ${hint}`
}

/** Four blanks in front of every line, and lines no longer than a terminal. */
function indent(text: string): string {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!
    if (line !== '' && line.length + word.length + 5 > lineCharsMax) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines.map((line) => `    ${line}`).join('\n')
}

function say(text: string): number {
  process.stdout.write(text)
  return 0
}

function complain(text: string): number {
  console.error(`trijet: ${text}`)
  return 1
}

/**
 * Paths of the general door: where in the running configuration something stands.
 *
 * ```text
 *   /http/server[80 example.com]/location[~ \.php$]/proxy_set_header[Host]
 *   ["http", {"server":"80","name":"example.com"}, ["location","~","\\.php$"], ["proxy_set_header","Host"]]
 * ```
 *
 * Between brackets stand the arguments as in a configuration; quotes go around words with spaces, or where
 * "]/" stands in one. A server of `http` or `stream` is named by its address and a name of it. Simple
 * directives are meant by their name and as many of their first arguments as are given. The root is `/`.
 */
import { ConfError } from '../conf/diagnostics.ts'
import { splitWords } from '../conf/words.ts'
import { DoorFault } from './door-fault.ts'
import { type BlockStep, isServerStep, type PlaceStep } from './place.ts'

/** Throws `DoorFault` for what is no path. */
export function parseConfigPath(value: unknown): readonly PlaceStep[] {
  const steps = typeof value === 'string' ? parseText(value) : parseList(value)
  return steps.map((step, depth) => (isServerBlock(step, steps, depth) ? toServerStep(step) : step))
}

function parseList(value: unknown): readonly PlaceStep[] {
  if (!Array.isArray(value)) throw malformed('a path is a text or a list of steps')
  return value.map((step: unknown) => {
    if (typeof step === 'string' && step !== '') return [step]
    if (Array.isArray(step) && step.length > 0 && step.every((word) => typeof word === 'string')) {
      return step as unknown as BlockStep
    }
    const { server, name = '' } = (step ?? {}) as Record<string, unknown>
    if (typeof server === 'string' && typeof name === 'string') return { server, name }
    throw malformed('a step is a name, a list of words, or a server with its name')
  })
}

function parseText(text: string): readonly BlockStep[] {
  if (!text.startsWith('/')) throw malformed('a path begins with "/"')
  const steps: BlockStep[] = []
  let rest = text.slice(1)
  while (rest !== '') {
    const name = /^[^[\]/]+/.exec(rest)?.[0]
    if (name === undefined) throw malformed(`a name is missing at "/${rest}"`)
    rest = rest.slice(name.length)
    let words: readonly string[] = []
    if (rest.startsWith('[')) {
      const end = endOfWords(rest)
      words = wordsOf(rest.slice(1, end))
      rest = rest.slice(end + 1)
    }
    steps.push([name, ...words])
    if (rest !== '' && !rest.startsWith('/')) throw malformed(`"/" is missing before "${rest}"`)
    rest = rest.slice(1)
  }
  return steps
}

/** The bracket that ends the words: the first outside quotes with "/" or nothing behind it. */
function endOfWords(text: string): number {
  let quote = ''
  for (let i = 1; i < text.length; i++) {
    const char = text[i]!
    if (quote !== '') {
      if (char === '\\') i++
      else if (char === quote) quote = ''
    } else if (isQuote(char) && /[\s[]/.test(text[i - 1]!)) quote = char
    else if (char === ']' && (i + 1 === text.length || text[i + 1] === '/')) return i
  }
  throw malformed(`"]" is missing behind "${text}"`)
}

function isQuote(char: string): boolean {
  return char === '"' || char === "'"
}

function wordsOf(text: string): readonly string[] {
  try {
    return splitWords(text)
  } catch (error) {
    if (error instanceof ConfError) throw malformed(error.message)
    throw error
  }
}

function isServerBlock(
  step: PlaceStep,
  steps: readonly PlaceStep[],
  depth: number,
): step is BlockStep {
  const [outer] = steps
  if (depth !== 1 || outer === undefined || isServerStep(outer) || isServerStep(step)) return false
  return step[0] === 'server' && (outer[0] === 'http' || outer[0] === 'stream')
}

/** `server[0.0.0.0:53 udp name]` */
function toServerStep([, address, ...more]: BlockStep): PlaceStep {
  if (address === undefined) throw malformed('a server is named by its address: server[80 name]')
  const isUdp = more[0] === 'udp'
  const [name = '', ...others] = isUdp ? more.slice(1) : more
  if (others.length > 0) throw malformed('a server is named by one address and one name')
  return { server: isUdp ? `${address} udp` : address, name }
}

function malformed(message: string): DoorFault {
  return new DoorFault(400, message)
}

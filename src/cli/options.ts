/**
 * The command line, read as nginx reads its own: letters may stand together (`-tq`), and a letter's value
 * may follow at once (`-cfile`) or as the next word.
 */

export type SignalName = 'stop' | 'quit' | 'reopen' | 'reload'

export interface Options {
  readonly help: boolean
  readonly version: boolean
  /** `-V`: the version with what is built in. */
  readonly configure: boolean
  readonly test: boolean
  /** `-T`: the test, and all files. */
  readonly dump: boolean
  readonly quiet: boolean
  readonly prefix: string | undefined
  readonly conf: string | undefined
  readonly errorLog: string | undefined
  readonly globals: string | undefined
  readonly signal: SignalName | undefined
}

type Draft = { -readonly [K in keyof Options]: Options[K] }

const flags: Readonly<Record<string, (draft: Draft) => void>> = {
  '?': (draft) => (draft.help = true),
  h: (draft) => (draft.help = true),
  v: (draft) => (draft.version = true),
  V: (draft) => (draft.configure = true),
  t: (draft) => (draft.test = true),
  T: (draft) => (draft.test = draft.dump = true),
  q: (draft) => (draft.quiet = true),
}

interface ValueOption {
  /** `directory name`, for the message when it is missing. */
  readonly needs: string
  set(draft: Draft, value: string): void
}

const values: Readonly<Record<string, ValueOption>> = {
  p: { needs: 'directory name', set: (draft, value) => (draft.prefix = value) },
  c: { needs: 'file name', set: (draft, value) => (draft.conf = value) },
  e: { needs: 'file name', set: (draft, value) => (draft.errorLog = value) },
  g: { needs: 'parameter', set: (draft, value) => (draft.globals = value) },
  s: { needs: 'parameter', set: (draft, value) => (draft.signal = toSignal(value)) },
}

const signals: readonly SignalName[] = ['stop', 'quit', 'reopen', 'reload']

/** A command line that cannot be read; the message is nginx's. */
export class OptionError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'OptionError'
  }
}

/** @throws OptionError */
export function parseOptions(words: readonly string[]): Options {
  const draft: Draft = {
    help: false,
    version: false,
    configure: false,
    test: false,
    dump: false,
    quiet: false,
    prefix: undefined,
    conf: undefined,
    errorLog: undefined,
    globals: undefined,
    signal: undefined,
  }
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (!word.startsWith('-')) throw new OptionError(`invalid option: "${word}"`)
    if (takeWord(draft, word, words[i + 1])) i++
  }
  return draft
}

/** True when the next word was taken as a value. */
function takeWord(draft: Draft, word: string, next: string | undefined): boolean {
  for (let at = 1; at < word.length; at++) {
    const letter = word[at]!
    const flag = Object.hasOwn(flags, letter) ? flags[letter] : undefined
    if (flag !== undefined) {
      flag(draft)
      continue
    }
    const option = Object.hasOwn(values, letter) ? values[letter] : undefined
    if (option === undefined) throw new OptionError(`invalid option: "${letter}"`)
    const own = word.slice(at + 1)
    const value = own === '' ? next : own
    if (value === undefined || value === '') {
      throw new OptionError(`option "-${letter}" requires ${option.needs}`)
    }
    option.set(draft, value)
    return own === ''
  }
  return false
}

function toSignal(text: string): SignalName {
  const signal = signals.find((name) => name === text)
  if (signal === undefined) throw new OptionError(`invalid option: "-s ${text}"`)
  return signal
}

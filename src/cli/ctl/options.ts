/** The command line of `trijet ctl`: options in any place, the command and its words between them. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

/** Options that not every command has a use for. */
export type OwnOption =
  | 'dry-run'
  | 'expires'
  | 'file'
  | 'from'
  | 'if-match'
  | 'limit'
  | 'method'
  | 'path'

const ownOptions: ReadonlySet<string> = new Set<OwnOption>([
  'dry-run',
  'expires',
  'file',
  'from',
  'if-match',
  'limit',
  'method',
  'path',
])

export interface CtlOptions {
  readonly words: readonly string[]
  /** Which of the commands' own options are there. */
  readonly own: readonly OwnOption[]
  readonly help: boolean
  readonly json: boolean
  readonly dryRun: boolean
  readonly prefix: string | undefined
  readonly conf: string | undefined
  readonly url: string | undefined
  readonly token: string | undefined
  readonly file: string | undefined
  readonly caCert: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly ifMatch: string | undefined
  readonly limit: string | undefined
  readonly from: string | undefined
  readonly paths: readonly string[]
  readonly methods: readonly string[]
  readonly expires: string | undefined
}

/** A command line that cannot be understood: exit code 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}

/** A file that the command line names; `-` is standard input. @throws UsageError */
export function readNamed(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new UsageError(`"${file}" cannot be read: ${(error as NodeJS.ErrnoException).code}`)
  }
}

/** The text itself, when it is a whole number. @throws UsageError */
export function wholeNumber(text: string): string {
  if (/^\d{1,15}$/.test(text)) return text
  throw new UsageError(text === '' ? 'a revision is needed' : `"${text}" is no whole number`)
}

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const list = { type: 'string', multiple: true } as const

/** `environment` may hold TRIJET_URL and TRIJET_TOKEN. @throws UsageError */
export function parseCtlOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): CtlOptions {
  const { values, positionals } = parse(args)
  return {
    words: positionals,
    own: Object.keys(values).filter((name): name is OwnOption => ownOptions.has(name)),
    help: values.help ?? false,
    json: values.json ?? false,
    dryRun: values['dry-run'] ?? false,
    prefix: values.prefix,
    conf: values.conf,
    url: values.url ?? environment['TRIJET_URL'],
    token: values.token ?? environment['TRIJET_TOKEN'],
    file: values.file,
    caCert: values.cacert,
    cert: values.cert,
    key: values.key,
    ifMatch: values['if-match'],
    limit: values.limit,
    from: values.from,
    paths: values.path ?? [],
    methods: values.method ?? [],
    expires: values.expires,
  }
}

function parse(args: readonly string[]): ReturnType<typeof parseKnown> {
  try {
    return parseKnown(args)
  } catch (error) {
    const { code, message } = error as Error & { readonly code?: string }
    if (code?.startsWith('ERR_PARSE_ARGS_') !== true) throw error
    throw new UsageError(message.split('. ')[0]!)
  }
}

function parseKnown(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { ...flag, short: 'h' },
      json: flag,
      'dry-run': flag,
      prefix: { ...text, short: 'p' },
      conf: { ...text, short: 'c' },
      url: text,
      token: text,
      file: { ...text, short: 'f' },
      cacert: text,
      cert: text,
      key: text,
      'if-match': text,
      limit: text,
      from: text,
      path: list,
      method: list,
      expires: text,
    },
  })
}

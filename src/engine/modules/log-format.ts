/**
 * `log_format name [escape=default|json|none] string …`: one line of an access log.
 *
 * What a variable gives is escaped so that a client cannot forge lines: `default` writes `"`, `\` and
 * bytes outside printable ASCII as `\xHH`, `json` as JSON asks, `none` leaves all as it is. A variable
 * without a value is `-` with `default` and nothing otherwise.
 */
import { ConfError } from '../conf/diagnostics.ts'
import type { ByteSink } from '../core/byte-sink.ts'
import { parseTemplate } from '../core/complex-value.ts'
import type { ValueEnv } from '../core/module.ts'
import type { VariableHost } from '../core/variables.ts'

export type LogEscape = 'default' | 'json' | 'none'

export interface LogFormat {
  readonly name: string
  /** Appends one line with its newline. */
  append(host: VariableHost, sink: ByteSink): void
}

/** Parses the arguments of `log_format`. */
export function parseLogFormat(args: readonly string[], env: ValueEnv): LogFormat {
  const [name = '', first = '', ...rest] = args
  const escape = first.startsWith('escape=') ? parseEscape(first.slice(7)) : undefined
  const text = (escape === undefined ? [first, ...rest] : rest).join('')
  const { variables } = env
  if (variables === undefined) throw new ConfError('variables are not supported here')
  const parts = parseTemplate(text).map((part) =>
    typeof part === 'string' ? Buffer.from(part) : variables.use(`$${part.variable}`, env.node),
  )
  return Object.freeze({ name, append: composeAppend([...parts, lineEnd], escape ?? 'default') })
}

const lineEnd = Buffer.from('\n')

function parseEscape(text: string): LogEscape {
  if (text === 'default' || text === 'json' || text === 'none') return text
  throw new ConfError(`unknown log format escaping "${text}"`)
}

function composeAppend(
  parts: readonly (Buffer | number)[],
  escape: LogEscape,
): LogFormat['append'] {
  const absent = Buffer.from(escape === 'default' ? '-' : '')
  const escaped = escapes[escape]
  return (host, sink) => {
    for (const part of parts) {
      if (typeof part !== 'number') sink.all(part)
      else {
        const start = sink.length
        if (!host.append(part, sink)) sink.all(absent)
        else if (escaped !== undefined) escapeFrom(sink, start, escaped)
      }
    }
  }
}

/** What stands for each byte; `undefined` for those that stand for themselves. */
type Escapes = readonly (string | undefined)[]

const jsonShort: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\b': '\\b',
  '\f': '\\f',
}

const escapes: Readonly<Record<LogEscape, Escapes | undefined>> = {
  default: toEscapes((byte, sign) => {
    const plain = byte >= 0x20 && byte < 0x7f && sign !== '"' && sign !== '\\'
    return plain ? undefined : `\\x${hex(byte, 2)}`
  }),
  json: toEscapes(
    (byte, sign) => jsonShort[sign] ?? (byte < 0x20 ? `\\u${hex(byte, 4)}` : undefined),
  ),
  none: undefined,
}

function toEscapes(escape: (byte: number, sign: string) => string | undefined): Escapes {
  return Array.from({ length: 256 }, (_, byte) => escape(byte, String.fromCharCode(byte)))
}

function hex(byte: number, width: number): string {
  return byte.toString(16).toUpperCase().padStart(width, '0')
}

/** Escapes what the sink holds from `start` on; there is nothing to escape in nearly all values. */
function escapeFrom(sink: ByteSink, start: number, escaped: Escapes): void {
  const { bytes, length } = sink
  for (let at = start; at < length; at++) {
    if (escaped[bytes[at]!] === undefined) continue
    const rest = Buffer.from(bytes.subarray(at, length))
    sink.length = at
    for (const byte of rest) {
      const text = escaped[byte]
      if (text === undefined) sink.byte(byte)
      else sink.text(text)
    }
    return
  }
}

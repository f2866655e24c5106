/**
 * `log_format name [escape=default|json|none] string …`: one line of an access log.
 *
 * What a variable gives is escaped so that a client cannot forge lines: `default` writes `"`, `\` and
 * bytes outside printable ASCII as `\xHH`, `json` as JSON asks, `none` leaves all as it is. A variable
 * without a value is `-` with `default` and nothing otherwise.
 */
import { ConfError } from '../conf/diagnostics.ts'
import { parseTemplate } from '../core/complex-value.ts'
import type { ValueEnv } from '../core/module.ts'
import type { VariableHost } from '../core/variables.ts'

export type LogEscape = 'default' | 'json' | 'none'

export interface LogFormat {
  readonly name: string
  /** One line with its newline. */
  format(host: VariableHost): string
}

/** Parses the arguments of `log_format`. */
export function parseLogFormat(args: readonly string[], env: ValueEnv): LogFormat {
  const [name = '', first = '', ...rest] = args
  const escape = first.startsWith('escape=') ? parseEscape(first.slice(7)) : undefined
  const text = (escape === undefined ? [first, ...rest] : rest).join('')
  const { variables } = env
  if (variables === undefined) throw new ConfError('variables are not supported here')
  const parts = parseTemplate(text).map((part) =>
    typeof part === 'string' ? part : variables.use(`$${part.variable}`, env.node),
  )
  return Object.freeze({ name, format: composeFormat(parts, escape ?? 'default') })
}

function parseEscape(text: string): LogEscape {
  if (text === 'default' || text === 'json' || text === 'none') return text
  throw new ConfError(`unknown log format escaping "${text}"`)
}

function composeFormat(
  parts: readonly (string | number)[],
  escape: LogEscape,
): (host: VariableHost) => string {
  const absent = escape === 'default' ? '-' : ''
  const clean = escapers[escape]
  return (host) => {
    let line = ''
    for (const part of parts) {
      if (typeof part === 'string') line += part
      else {
        const value = host.get(part)
        line += value === undefined ? absent : clean(value)
      }
    }
    return `${line}\n`
  }
}

const escapers: Readonly<Record<LogEscape, (text: string) => string>> = {
  default: (text) => (/["\\]|[^ -~]/.test(text) ? escapeBytes(text) : text),
  json: (text) => (jsonSpecial.test(text) ? text.replaceAll(jsonSpecialAll, escapeJson) : text),
  none: (text) => text,
}

// oxlint-disable-next-line no-control-regex
const jsonSpecial = /["\\\0-\x1f]/
const jsonSpecialAll = new RegExp(jsonSpecial.source, 'g')

const jsonShort: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\b': '\\b',
  '\f': '\\f',
}

function escapeJson(sign: string): string {
  const code = sign.charCodeAt(0).toString(16).toUpperCase()
  return jsonShort[sign] ?? `\\u${code.padStart(4, '0')}`
}

function escapeBytes(text: string): string {
  let out = ''
  for (const byte of Buffer.from(text)) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c
    out += plain
      ? String.fromCharCode(byte)
      : `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return out
}

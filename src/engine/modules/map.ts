/**
 * `map source $variable { … }`: a variable whose value follows from another's.
 *
 * ```text
 *   hostnames;  volatile;            parameters
 *   default     value;               where nothing matches; empty when absent
 *   key         value;               exact, without regard to case; "\key" where a key would mean something else
 *   .example.com  *.x.com  www.x.*   wildcards, with `hostnames`
 *   ~expr  ~*expr                    regular expressions in order; `$1` and named groups stand in the value
 * ```
 *
 * Looked up as nginx does: exact, longest wildcard at the front, longest at the end, expressions in order.
 */
import { directives } from '../conf/block.ts'
import { ConfError } from '../conf/diagnostics.ts'
import type { Directive } from '../conf/tree.ts'
import type { ComplexValue } from '../core/complex-value.ts'
import type { BlockRow, Context } from '../core/module.ts'
import { compileRegex } from '../core/regex.ts'
import { NameTable, parseServerName } from '../core/server-names.ts'
import {
  capturing,
  type CapturingRegex,
  type CaptureHost,
  matchInto,
  type VariableBlockEnv,
} from './captures.ts'

interface Pattern {
  readonly expression: CapturingRegex
  readonly value: ComplexValue
}

/** A compiled map. */
class VariableMap {
  fallback: ComplexValue | undefined
  hostnames = false
  volatile = false
  readonly exact = new Map<string, ComplexValue>()
  readonly patterns: Pattern[] = []
  wildcards: NameTable<ComplexValue> = NameTable.empty<ComplexValue>()

  find(host: CaptureHost, text: string): ComplexValue | undefined {
    const key = this.#keyOf(text)
    const value =
      this.exact.get(key) ?? (this.hostnames ? this.wildcards.find(key)?.server : undefined)
    if (value !== undefined) return value
    if (text !== '') {
      for (const pattern of this.patterns) {
        if (matchInto(host, pattern.expression, text)) return pattern.value
      }
    }
    return this.fallback
  }

  #keyOf(text: string): string {
    const key = text.toLowerCase()
    return this.hostnames && key.endsWith('.') ? key.slice(0, -1) : key
  }
}

export function mapBlockRow(context: Context): BlockRow {
  return {
    contexts: [context],
    args: [2, 2],
    syntax: 'map string $variable { ... }',
    opens: 'free',
    repeated: true,
    doc: 'Creates a variable whose value depends on the value of another.',
  }
}

/** Compiles one `map` block and defines its variable. */
export function defineMap(node: Directive, { session, variables }: VariableBlockEnv): void {
  const map = new VariableMap()
  const entries: Directive[] = []
  for (const child of directives(node.block!)) {
    if (!takeFlag(map, child)) entries.push(child)
  }
  session.attempt(node, () => {
    const source = variables.complex(node.args[0]!, node)
    variables.define(node.args[1]!, {
      get: (host) => {
        const text = source.evaluate(host)
        return map.find(host as CaptureHost, text)?.evaluate(host) ?? ''
      },
      volatile: map.volatile,
      changeable: true,
    })
  })
  for (const child of entries) {
    session.attempt(child, () => {
      if (child.args.length !== 1) throw new ConfError('invalid number of the map parameters')
      addEntry(map, child.name, variables.complex(child.args[0]!, child), (regex) =>
        capturing(regex, variables),
      )
    })
  }
}

function takeFlag(map: VariableMap, { name, args }: Directive): boolean {
  if (args.length > 0) return false
  if (name === 'hostnames') map.hostnames = true
  else if (name === 'volatile') map.volatile = true
  else return false
  return true
}

function addEntry(
  map: VariableMap,
  key: string,
  value: ComplexValue,
  toCapturing: (regex: ReturnType<typeof compileRegex>) => CapturingRegex,
): void {
  if (key === 'default') {
    if (map.fallback !== undefined) throw new ConfError('duplicate default map parameter')
    map.fallback = value
  } else if (key.startsWith('~')) {
    const ignoreCase = key.startsWith('~*')
    const regex = compileRegex(key.slice(ignoreCase ? 2 : 1), { ignoreCase })
    map.patterns.push({ expression: toCapturing(regex), value })
  } else if (map.hostnames && !key.startsWith('\\') && isWildcard(key)) {
    addWildcard(map, key, value)
  } else addExact(map, key.startsWith('\\') ? key.slice(1) : key, value)
}

function isWildcard(key: string): boolean {
  return key.startsWith('.') || key.includes('*')
}

function addWildcard(map: VariableMap, key: string, value: ComplexValue): void {
  for (const name of parseWildcard(key)) {
    if (name.kind === 'exact') addExact(map, name.key, value)
    else {
      if (map.wildcards.owner(name) !== undefined) conflict(key.toLowerCase())
      map.wildcards = map.wildcards.add(name, value)
    }
  }
}

function parseWildcard(key: string): ReturnType<typeof parseServerName> {
  try {
    return parseServerName(key)
  } catch (error) {
    if (!(error instanceof ConfError)) throw error
    throw new ConfError(`invalid hostname or wildcard "${key}"`)
  }
}

function addExact(map: VariableMap, text: string, value: ComplexValue): void {
  const key = text.toLowerCase()
  if (map.exact.has(key)) conflict(key)
  map.exact.set(key, value)
}

function conflict(key: string): never {
  throw new ConfError(`conflicting parameter "${key}"`)
}

/**
 * Texts of rewriting: variables as in any text, but groups of expressions may have to be escaped.
 *
 * A group holds a decoded part of the URI. Where it goes into a query or a redirect, what had a meaning of
 * its own must not get one: nginx escapes it there if the client's URI had escapes at all.
 *
 * ```text
 *   ^/(.*)$   /x?name=$1        GET /a%26b  ──▶  /x?name=a%26b       (not "/x?name=a&b")
 * ```
 */
import { ConfError } from '../../conf/diagnostics.ts'
import type { Directive } from '../../conf/tree.ts'
import { parseTemplate } from '../../core/complex-value.ts'
import type { VariableScope } from '../../core/variable-scope.ts'
import type { Request } from '../request.ts'
import { escapeArgument } from '../uri.ts'

const percent = 0x25
const plus = 0x2b

/** A literal, a variable, or a group by its number. */
type Part = string | { readonly slot: number } | { readonly group: number }

export interface Template {
  /** Set when there is nothing in it but text. */
  readonly constant: string | undefined
  evaluate(request: Request, escapesGroups: boolean): string
}

/** What a text is compiled in. */
export interface TemplateEnv {
  readonly node: Directive
  readonly variables: VariableScope | undefined
}

export function compileTemplate(text: string, env: TemplateEnv): Template {
  return toTemplate(parseParts(text, env))
}

/** A text up to its first "?" and behind it; a "?" in a variable's value is not one. */
export function compileTarget(
  text: string,
  env: TemplateEnv,
): { readonly path: Template; readonly args: Template | undefined } {
  const parts = parseParts(text, env)
  const index = parts.findIndex((part) => typeof part === 'string' && part.includes('?'))
  if (index < 0) return { path: toTemplate(parts), args: undefined }
  const literal = parts[index] as string
  const query = literal.indexOf('?')
  const path = [...parts.slice(0, index), literal.slice(0, query)]
  const args = [literal.slice(query + 1), ...parts.slice(index + 1)]
  return { path: toTemplate(path), args: toTemplate(args) }
}

function parseParts(text: string, { node, variables }: TemplateEnv): readonly Part[] {
  return parseTemplate(text).map((part): Part => {
    if (typeof part === 'string') return part
    const { variable } = part
    if (/^[1-9]$/.test(variable)) return { group: Number(variable) }
    if (variables === undefined) throw new ConfError('variables are not supported here')
    return { slot: variables.use(`$${variable}`, node) }
  })
}

function toTemplate(given: readonly Part[]): Template {
  const parts = given.filter((part) => part !== '')
  if (parts.every((part) => typeof part === 'string')) {
    const constant = parts.join('')
    return Object.freeze({ constant, evaluate: () => constant })
  }
  const hasGroups = parts.some((part) => typeof part !== 'string' && 'group' in part)
  return Object.freeze({
    constant: undefined,
    evaluate: (request: Request, escapesGroups: boolean) => {
      const escapes = hasGroups && escapesGroups && wasEscaped(request)
      let out = ''
      for (const part of parts) {
        if (typeof part === 'string') out += part
        else if ('slot' in part) out += request.get(part.slot) ?? ''
        else out += groupText(request, part.group, escapes)
      }
      return out
    },
  })
}

function groupText({ captures }: Request, group: number, escapes: boolean): string {
  const text = captures?.[group]
  if (text === undefined) return ''
  return escapes ? escapeArgument(text) : text
}

/** True when the path came with escapes or with "+": parts of it are escaped again in queries. */
function wasEscaped({ head, parent }: Request): boolean {
  if (parent !== undefined) return false
  const { bytes, pathStart, pathEnd } = head
  for (let at = pathStart; at < pathEnd; at++) {
    if (bytes[at] === percent || bytes[at] === plus) return true
  }
  return false
}

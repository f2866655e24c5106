/** Text of requests that becomes configuration. */
import { directives } from '../conf/block.ts'
import { formatDiagnostic } from '../conf/diagnostics.ts'
import { type Directive, reportedAt } from '../conf/tree.ts'

/** The body with the final `;` that users leave out. */
export function terminated(text: string = ''): string {
  const body = text.trim()
  return body === '' || body.endsWith(';') || body.endsWith('}') ? body : `${body};`
}

/** What is said of the first directive, at whatever depth, that an instruction cannot bring along. */
export function forbiddenText(
  nodes: Iterable<Directive>,
  forbidden: ReadonlySet<string>,
): string | undefined {
  for (const node of nodes) {
    if (forbidden.has(node.name)) {
      const message = `"${node.name}" directive no support of dynamic!`
      return formatDiagnostic({ severity: 'emerg', message, at: reportedAt(node) })
    }
    const within = node.block && forbiddenText(directives(node.block), forbidden)
    if (within !== undefined) return within
  }
  return undefined
}

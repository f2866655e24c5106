/** `state file`: the servers of a group, in a file of their own. */
import { readFileSync } from 'node:fs'
import { directives, emptyBlock } from '../conf/block.ts'
import { ConfError, formatDiagnostic } from '../conf/diagnostics.ts'
import { parse } from '../conf/parser.ts'
import type { Directive } from '../conf/tree.ts'
import { errnoText } from '../net/errors.ts'

/** Its `server` directives. A file that is not there is one without any. */
export function readState(path: string): readonly Directive[] {
  const { main, diagnostics } = parse(readText(path), path)
  const [fault] = diagnostics
  if (fault !== undefined) throw new ConfError(formatDiagnostic(fault))
  const nodes = [...directives(main.block ?? emptyBlock)]
  const other = nodes.find((node) => node.name !== 'server')
  if (other === undefined) return nodes
  throw new ConfError(`"${other.name}" directive is not allowed in state file "${path}"`)
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const fault = error as NodeJS.ErrnoException
    if (fault.code === 'ENOENT') return ''
    throw new ConfError(`open() "${path}" failed (${errnoText(fault)})`)
  }
}

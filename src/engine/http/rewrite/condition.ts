/**
 * The condition of an `if`:
 *
 * ```text
 *   ($variable)                     neither empty nor "0"
 *   ($variable = text)  !=          the same text
 *   ($variable ~ regex) ~* !~ !~*   matches, without regard to case, does not
 *   (-f text)  -d -e -x  !-f …      a file, a folder, either, an executable file
 * ```
 */
import { type Stats, statSync } from 'node:fs'
import { ConfError } from '../../conf/diagnostics.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import { compileRegex } from '../../core/regex.ts'
import { capturing } from '../../modules/captures.ts'
import { errnoText } from '../../net/errors.ts'
import type { HttpEnv } from '../module.ts'
import type { Request } from '../request.ts'
import { matchOrForget, type ScriptRun } from './script.ts'

export type Condition = (request: Request, run: ScriptRun) => boolean

const executableByOwner = 0o100

/** Compiles the arguments of an `if`, whose parentheses may stand apart or not. */
export function compileCondition(args: readonly string[], env: HttpEnv): Condition {
  const words = withoutParentheses(args)
  const [first = ''] = words
  if (first.length > 1 && first.startsWith('$')) return compileTest(words, env)
  const test = fileTests.get(first.replace(/^!/, ''))
  if (test === undefined || words.length !== 2) invalid(first)
  const path = env.variables.complex(words[1]!, env.node)
  const wanted = !first.startsWith('!')
  return (request) => testFile(request, path, test) === wanted
}

function invalid(word: string): never {
  throw new ConfError(`invalid condition "${word}"`)
}

function withoutParentheses(args: readonly string[]): readonly string[] {
  const words = [...args]
  const [first = ''] = words
  if (!first.startsWith('(')) invalid(first)
  if (first.length > 1) words[0] = first.slice(1)
  else words.shift()
  const last = words.at(-1) ?? ''
  if (!last.endsWith(')')) invalid(last)
  if (last.length > 1) words[words.length - 1] = last.slice(0, -1)
  else words.pop()
  if (words.length === 0) invalid(')')
  return words
}

/** A variable alone, or with an operator and what it is compared with. */
export function compileTest(
  words: readonly string[],
  env: Pick<HttpEnv, 'node' | 'variables'>,
): Condition {
  const { variables, node } = env
  const [name = '', operator, operand = ''] = words
  if (words.length !== 1 && words.length !== 3) invalid(name)
  // Groups are not variables here, as in nginx.
  if (/^\$[1-9]$/.test(name)) throw new ConfError(`unknown "${name.slice(1)}" variable`)
  const slot = variables.use(name, node)
  switch (operator) {
    case undefined:
      return (request) => isTrue(request.get(slot) ?? '')
    case '=':
    case '!=':
      return compileEqual(slot, variables.complex(operand, node), operator === '=')
    case '~':
    case '~*':
    case '!~':
    case '!~*':
      return compileMatch(slot, operator, operand, env)
    default:
      throw new ConfError(`unexpected "${operator}" in condition`)
  }
}

function isTrue(text: string): boolean {
  return text !== '' && text !== '0'
}

function compileEqual(slot: number, value: ComplexValue, wanted: boolean): Condition {
  const { constant } = value
  if (constant !== undefined)
    return (request) => ((request.get(slot) ?? '') === constant) === wanted
  return (request) => ((request.get(slot) ?? '') === value.evaluate(request)) === wanted
}

function compileMatch(
  slot: number,
  operator: string,
  operand: string,
  { variables }: Pick<HttpEnv, 'variables'>,
): Condition {
  const regex = compileRegex(operand, { ignoreCase: operator.endsWith('*') })
  const expression = capturing(regex, variables)
  const wanted = !operator.startsWith('!')
  return (request, run) =>
    matchOrForget(request, run, expression, request.get(slot) ?? '') === wanted
}

type FileTest = (stats: Stats) => boolean

const fileTests: ReadonlyMap<string, FileTest> = new Map<string, FileTest>([
  ['-f', (stats) => stats.isFile()],
  ['-d', (stats) => stats.isDirectory()],
  ['-e', (stats) => stats.isFile() || stats.isDirectory()],
  ['-x', (stats) => (stats.mode & executableByOwner) !== 0],
])

const absent: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'])

function testFile(request: Request, path: ComplexValue, test: FileTest): boolean {
  const name = path.evaluate(request)
  try {
    const stats = statSync(name, { throwIfNoEntry: false })
    return stats !== undefined && test(stats)
  } catch (error) {
    const fault = error as NodeJS.ErrnoException
    if (!absent.has(fault.code)) {
      request.logError(`stat() "${name}" failed (${errnoText(fault)})`, 'crit')
    }
    return false
  }
}

/**
 * Looks at every `helper` line before it counts: is the program there, does it keep to the contract.
 *
 * A copilot's file is code of others. The master does not run it to learn its version; a process of its
 * own imports it, says what it found, and ends.
 */
import { fork } from 'node:child_process'
import { directives } from '../conf/block.ts'
import { ConfError, type Diagnostic } from '../conf/diagnostics.ts'
import { type Directive, reportedAt } from '../conf/tree.ts'
import { copilotVersion } from './copilot.ts'
import type { Helper } from './copilot-pool.ts'
import { copilotFlags, entryPath } from './entry.ts'
import { confFileOf, type Program, resolveProgram } from './helper-line.ts'
import { processLimits } from './limits.ts'
import type { HelperLine } from './modules/main.ts'

/** What the process that looks says, as one message. */
export type ProbeResult =
  | { readonly kind: 'found'; readonly version: unknown; readonly ignoreReload: boolean }
  | { readonly kind: 'failed'; readonly reason: string }

export interface CheckedHelpers {
  readonly helpers: readonly Helper[]
  readonly diagnostics: readonly Diagnostic[]
}

export async function checkHelpers(tree: Directive, prefix: string): Promise<CheckedHelpers> {
  const nodes = [...directives(tree.block!)].filter(
    ({ name, args }) => name === 'helper' && args.length >= 2,
  )
  const results = await Promise.all(nodes.map((node) => checkNode(node, prefix)))
  return {
    helpers: results.filter((result) => 'line' in result),
    diagnostics: results.filter((result) => 'severity' in result),
  }
}

async function checkNode(node: Directive, prefix: string): Promise<Helper | Diagnostic> {
  try {
    return await check(node, prefix)
  } catch (error) {
    if (!(error instanceof ConfError)) throw error
    return { severity: 'emerg', message: error.message, at: reportedAt(node) }
  }
}

function lineOf({ args: [tag = '', module = '', conf] }: Directive): HelperLine {
  return { tag, module, conf }
}

async function check(node: Directive, prefix: string): Promise<Helper> {
  const line = lineOf(node)
  const program = resolveProgram(line, prefix)
  const confFile = confFileOf(line, prefix)
  return { line, program, confFile, ignoreReload: await ignoresReload(program) }
}

async function ignoresReload(program: Program): Promise<boolean> {
  switch (program.kind) {
    case 'built-in':
      return program.ignoreReload
    case 'executable':
      return false
    case 'module':
      return probe(program.href)
  }
}

async function probe(href: string): Promise<boolean> {
  const result = await ask(href)
  const refusal = 'njet helper check version failed'
  if (result.kind === 'failed') throw new ConfError(`${refusal}: ${result.reason}`)
  if (result.version !== copilotVersion) {
    const found = JSON.stringify(result.version)
    throw new ConfError(`${refusal}: it has version ${found}, this engine runs ${copilotVersion}`)
  }
  return result.ignoreReload
}

/** Settles once, whatever the file does: it may end the process, or never come to an end. */
function ask(href: string): Promise<ProbeResult> {
  const child = fork(entryPath('copilot-probe'), [href], {
    execArgv: [...copilotFlags],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  return new Promise((resolve) => {
    const timer = setTimeout(() => settle('it did not load in time'), processLimits.probeTimeoutMs)
    const settle = (reason: string): void => {
      clearTimeout(timer)
      resolve({ kind: 'failed', reason })
      child.kill('SIGKILL')
    }
    child.once('message', (message) => {
      resolve(message as ProbeResult)
      settle('')
    })
    child.once('error', (error) => settle(error.message))
    child.once('exit', () => settle('its file ended the process that looked at it'))
  })
}

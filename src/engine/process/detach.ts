/**
 * Going to the background: the program starts itself again in a session of its own, hears how that went,
 * and ends. Whoever started it gets the prompt back when the engine serves, not before.
 *
 * ```text
 *   shell ── trijet ── spawn ──▶ trijet (TRIJET_DETACHED=1)
 *              ▲                    │ lines for the terminal
 *              └──────── IPC ───────┤ ready
 *            exit 0                 ▼ lives on; its standard error is the error log
 * ```
 */
import { spawn } from 'node:child_process'
import { mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import type { LogRule } from '../core/log.ts'
import { processLimits } from './limits.ts'
import { ownCommand } from './upgrade.ts'

const variable = 'TRIJET_DETACHED'

type Report = { readonly kind: 'line'; readonly text: string } | { readonly kind: 'ready' }

/** What a detached process tells the one that waits for it; `undefined` in any other process. */
export interface Detached {
  line(text: string): void
  /** The engine serves. */
  ready(): void
}

/** Called once at the start: children must not believe that they are meant. */
export function takeDetached(): Detached | undefined {
  const detached = process.env[variable] !== undefined
  delete process.env[variable]
  if (!detached) return undefined
  const report = (message: Report, then?: () => void): void => {
    if (process.connected) process.send!(message, undefined, {}, () => then?.())
  }
  return {
    line: (text) => report({ kind: 'line', text }),
    ready: () => report({ kind: 'ready' }, () => process.disconnect?.()),
  }
}

/** Starts the program again in the background; gives the exit code once it serves or has given up. */
export function detach(
  rules: readonly LogRule[],
  terminal: (text: string) => void,
): Promise<number> {
  const [file, args] = ownCommand()
  const child = spawn(file, args, {
    detached: true,
    env: { ...process.env, [variable]: '1' },
    stdio: ['ignore', 'ignore', openErrorLog(rules), 'ipc'],
  })
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(1), processLimits.daemonTimeoutMs)
    const settle = (code: number): void => {
      clearTimeout(timer)
      resolve(code)
    }
    child.on('message', (message) => {
      const report = message as Report
      if (report.kind === 'line') terminal(report.text)
      else settle(0)
    })
    child.once('error', (error) => {
      terminal(`trijet: [emerg] could not go to the background: ${error.message}\n`)
      settle(1)
    })
    child.once('exit', (code) => settle(code ?? 1))
  })
}

/** Where last words of the processes go: what Node itself prints when it cannot go on. */
function openErrorLog(rules: readonly LogRule[]): number | 'ignore' {
  const target = rules.map((rule) => rule.target).find(({ kind }) => kind === 'file')
  if (target?.kind !== 'file') return 'ignore'
  mkdirSync(dirname(target.path), { recursive: true })
  return openSync(target.path, 'a', 0o644)
}

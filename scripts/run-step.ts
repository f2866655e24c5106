/**
 * Running commands in our place: same terminal, same signals, same end.
 */
import { spawnSync, type ChildProcess } from 'node:child_process'

const forwarded = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** Passes signals to the child, and ends this process the way the child ends. */
export function endAs(child: ChildProcess): void {
  for (const name of forwarded) process.on(name, () => child.kill(name))
  child.on('exit', (code) => (process.exitCode = code ?? 1))
}

/** Runs a step of a longer task to its end, and says what it was and how long it took. */
export function runStep(title: string, file: string, args: readonly string[]): boolean {
  console.log(`\n▶ ${title}`)
  const began = performance.now()
  const { status } = spawnSync(file, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  const seconds = ((performance.now() - began) / 1_000).toFixed(1)
  console.log(`${status === 0 ? '✔' : '✖'} ${title} (${seconds} s)`)
  return status === 0
}

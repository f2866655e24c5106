/** What the tests of processes have in common. */
import assert from 'node:assert/strict'
import { isAlive } from '../support/process-tree.ts'
import { onEnd, type Owner } from '../support/scope.ts'
import { exchangeTcp, type TcpClient } from '../support/tcp.ts'
import type { TempPrefix } from '../support/temp-prefix.ts'
import { type Trijet, trijetCommand } from '../support/trijet.ts'
import { until } from '../support/wait.ts'

const host = '127.0.0.1'

/** A configuration that serves a text on each port. */
export function streamConf(servers: Readonly<Record<number, string>>, main = ''): string {
  const blocks = Object.entries(servers).map(
    ([port, text]) => `  server {\n    listen ${host}:${port};\n    return "${text}";\n  }`,
  )
  return [
    main,
    'error_log logs/error.log notice;',
    'events {}',
    `stream {\n${blocks.join('\n')}\n}`,
    '',
  ].join('\n')
}

/** The text that a port serves. */
export function textOf(owner: Owner, port: number): Promise<string> {
  return exchangeTcp(owner, { host, port })
}

/** The pids of an engine's workers, sorted. */
export function workerPids(engine: Trijet): number[] {
  return engine
    .children('worker process')
    .map(({ pid }) => pid)
    .toSorted((a, b) => a - b)
}

/** Waits until that many workers other than the given ones live. */
export async function untilWorkers(
  engine: Trijet,
  count: number,
  others: readonly number[] = [],
): Promise<number[]> {
  return until(
    () => {
      const pids = workerPids(engine)
      return pids.length === count && pids.every((pid) => !others.includes(pid)) && pids
    },
    { what: `${count} workers other than ${others.join()}` },
  )
}

/** Sends a line through a connection and checks that it comes back. */
export async function ping(client: TcpClient, text: string): Promise<void> {
  await client.send(text)
  const answer = await client.read(Buffer.byteLength(text))
  assert.equal(answer.toString(), text)
}

/** Waits until the process is gone. */
export async function untilGone(pid: number): Promise<void> {
  await until(() => !isAlive(pid), { what: `the end of process ${pid}` })
}

/** Ends a detached engine with its test. */
export function stopAfter(owner: Owner, prefix: TempPrefix): void {
  onEnd(owner, () => {
    const pid = Number(prefix.read('logs/trijet.pid'))
    if (pid > 0 && isAlive(pid)) process.kill(pid, 'SIGKILL')
  })
}

/** Runs the command line in a prefix. */
export function command(
  prefix: TempPrefix,
  ...args: readonly string[]
): ReturnType<typeof trijetCommand> {
  return trijetCommand(['-p', prefix.path, ...args])
}

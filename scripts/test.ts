/**
 * `npm test [-- filter…]`: every test there is, against real peers. A filter is a part of a file's path:
 * `npm test -- stream`.
 *
 * Unit tests come first, since they are quick to say what is wrong. Test files run in processes of their
 * own, a few at a time; within a file, tests run one after the other.
 */
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { installPeers } from './peers.ts'
import { endAs } from './run-step.ts'

const limits = {
  /** For one test, and for one file as a whole. */
  fileTimeoutMs: 300_000,
  runTimeoutMs: 900_000,
  /** A test of 10,000 connections holds both ends of them. */
  openFiles: 65_536,
  /** More at once only slows each down; black-box tests start several processes each. */
  concurrencyMax: 4,
} as const

const filters = process.argv.slice(2)
const files = [
  ...globSync('{src,bench}/**/*.test.ts').sort(),
  ...globSync('test/**/*.test.ts').sort(),
].filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))

if (files.length === 0) {
  console.error(`trijet: no test file has ${filters.join(' or ')} in its path`)
  process.exit(1)
}
installPeers()
runTests(files)

function runTests(paths: readonly string[]): void {
  const concurrency = Math.max(2, Math.min(availableParallelism(), limits.concurrencyMax))
  const options = [
    '--disable-warning=ExperimentalWarning',
    '--test',
    '--test-reporter=spec',
    // A test that timed out may have left something running; its file must end all the same.
    '--test-force-exit',
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${limits.fileTimeoutMs}`,
  ]
  // A shell can raise the limit of open files for what it becomes; Node cannot.
  const raise = `ulimit -n ${limits.openFiles} 2>/dev/null || ulimit -n $(ulimit -Hn); exec "$@"`
  const command = ['-c', raise, 'sh', process.execPath, ...options, ...paths]
  const child = spawn('sh', command, { stdio: ['ignore', 'inherit', 'inherit'] })
  const timer = setTimeout(() => {
    console.error(`trijet: the tests took longer than ${limits.runTimeoutMs} ms`)
    child.kill('SIGTERM')
  }, limits.runTimeoutMs)
  child.on('exit', () => clearTimeout(timer))
  endAs(child)
}

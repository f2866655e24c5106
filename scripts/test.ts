/**
 * `npm test [-- filter…]`: every test there is, against real peers. A filter is a part of a file's path:
 * `npm test -- stream`.
 *
 * Unit tests come first, since they are quick to say what is wrong.
 */
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { testArguments } from './node-test.ts'
import { installPeers } from './peers.ts'
import { endAs } from './run-step.ts'

const limits = {
  runTimeoutMs: 900_000,
  /** A test of 10,000 connections holds both ends of them. */
  openFiles: 65_536,
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
runTests()

function runTests(): void {
  // A shell can raise the limit of open files for what it becomes; Node cannot.
  const raise = `ulimit -n ${limits.openFiles} 2>/dev/null || ulimit -n $(ulimit -Hn); exec "$@"`
  const command = ['-c', raise, 'sh', process.execPath, ...testArguments('spec', files)]
  const child = spawn('sh', command, { stdio: ['ignore', 'inherit', 'inherit'] })
  const timer = setTimeout(() => {
    console.error(`trijet: the tests took longer than ${limits.runTimeoutMs} ms`)
    child.kill('SIGTERM')
  }, limits.runTimeoutMs)
  child.on('exit', () => clearTimeout(timer))
  endAs(child)
}

/**
 * How this project runs `node --test`, whichever files are asked for.
 */
import { availableParallelism } from 'node:os'

const limits = {
  /** The longest tests hold ten thousand connections or wait for back-offs. */
  testTimeoutMs: 180_000,
  /** More at once only slows each down; black-box tests start several processes each. */
  concurrencyMax: 4,
} as const

/** Arguments for Node. Test files run in processes of their own, a few at a time. */
export function testArguments(reporter: 'spec' | 'dot', files: readonly string[]): string[] {
  const concurrency = Math.max(2, Math.min(availableParallelism(), limits.concurrencyMax))
  return [
    '--disable-warning=ExperimentalWarning',
    '--test',
    `--test-reporter=${reporter}`,
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${limits.testTimeoutMs}`,
    // A test that timed out may have left something running; its file must end all the same.
    '--test-force-exit',
    ...files,
  ]
}

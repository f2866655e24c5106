/**
 * `npm run check`: the gate. Format, lint, types, the rules of the house, unit tests; every step runs, so
 * that one pass tells all.
 */
import { globSync } from 'node:fs'
import { testArguments } from './node-test.ts'
import { runStep } from './run-step.ts'

const bin = (name: string): string => `node_modules/.bin/${name}`
const unitTests = ['test/tidy.test.ts', ...globSync('{src,bench}/**/*.test.ts').sort()]

const steps: readonly (readonly [title: string, file: string, args: readonly string[]])[] = [
  ['format', bin('oxfmt'), ['--check', '.']],
  ['lint', bin('oxlint'), ['--deny-warnings']],
  ['types', bin('tsc'), ['-p', '.']],
  ['unit tests', process.execPath, testArguments('dot', unitTests)],
]

const failed = steps.filter((step) => !runStep(...step)).map(([title]) => title)
if (failed.length > 0) {
  console.error(`\n✖ check failed: ${failed.join(', ')}`)
  process.exitCode = 1
} else console.log('\n✔ check passed')

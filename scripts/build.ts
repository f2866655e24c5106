/**
 * `npm run build`: JavaScript and declarations in `dist/`, for publishing. Nothing in this repository
 * needs it to run or to be tested.
 */
import { cpSync, rmSync } from 'node:fs'
import { runStep } from './run-step.ts'

/** Files beside the sources that the engine reads at run time, such as a page it serves. */
const isAsset = (path: string): boolean => !path.endsWith('.ts') && !path.includes('/fixtures')

rmSync('dist', { recursive: true, force: true })
if (runStep('build', 'node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'])) copyAssets()
else process.exitCode = 1

function copyAssets(): void {
  cpSync('src', 'dist', { recursive: true, filter: isAsset })
}

/**
 * Makes `node_modules/.bin/trijet`, so that `npx trijet` and npm scripts find the command of this checkout;
 * npm links the commands of dependencies only. Runs after `npm ci` (script `prepare`), on any Node.
 */
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../node_modules/.bin', import.meta.url))

mkdirSync(folder, { recursive: true })
rmSync(`${folder}/trijet`, { force: true })
symlinkSync('../../bin/trijet', `${folder}/trijet`)

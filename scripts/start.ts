/**
 * `npm start`: the engine on `conf/trijet.conf`, in the foreground. More arguments go to the engine.
 */
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const launcher = `${root}bin/trijet`
const args = ['-p', root, '-c', 'conf/trijet.conf', '-g', 'daemon off;', ...process.argv.slice(2)]

console.log('trijet: starting on conf/trijet.conf; Ctrl-C stops it')
// The engine takes the place of this process, so that signals reach it directly.
process.execve!(launcher, [launcher, ...args], process.env)

/**
 * `npm run bench [-- scenario…]`: this engine and its peers side by side; see `bench/`.
 */
import { spawn } from 'node:child_process'
import { benchPeers, installPeers } from './peers.ts'
import { endAs } from './run-step.ts'

installPeers(benchPeers)
const args = ['bench/run.ts', ...process.argv.slice(2)]
const raise = 'ulimit -n 65536 2>/dev/null || ulimit -n $(ulimit -Hn); exec "$@"'
endAs(spawn('sh', ['-c', raise, 'sh', process.execPath, ...args], { stdio: 'inherit' }))

/**
 * A broker in a process of its own, for tests that use its clients or kill it.
 *
 *     node broker-process.ts PREFIX [CONF]
 */
import { runBroker } from '../../src/engine/copilots/broker.ts'
import { silentLog } from '../../src/engine/core/log.ts'

const [prefix = '', confFile] = process.argv.slice(2)
const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
await runBroker({
  prefix,
  log: silentLog,
  signal: stop.signal,
  onReady: () => console.log('ready'),
  ...(confFile !== undefined && { confFile }),
})

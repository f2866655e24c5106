/**
 * A copilot: writes the time into the key values of the installation, every so many milliseconds.
 *
 *   helper heartbeat examples/copilots/heartbeat.ts examples/conf/heartbeat.conf;
 *
 * Its configuration file holds the interval. HUP to its process makes it read the file again.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Copilot, defineCopilot } from '../../src/engine/process/copilot.ts'

export const copilot: Copilot = defineCopilot({
  version: 1,
  async run({ tag, confFile, kv, log, signal, commands }) {
    let intervalMs = readInterval(confFile)
    const listening = (async () => {
      for await (const command of commands) {
        intervalMs = readInterval(confFile)
        log.write('notice', `${tag}: ${command}, now every ${intervalMs} ms`)
      }
    })()
    while (!signal.aborted) {
      await kv.put(`heartbeat_${tag}`, new Date().toISOString())
      await sleep(intervalMs, undefined, { signal }).catch(() => undefined)
    }
    await listening
    log.write('notice', `${tag}: the last beat is written`)
  },
})

function readInterval(file: string | undefined): number {
  const interval = Number(file === undefined ? NaN : readFileSync(file, 'utf8'))
  return Number.isFinite(interval) && interval >= 10 ? interval : 1_000
}

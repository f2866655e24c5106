/** The other process of traffic-table.test.ts: counts as often as it is told, then lives until it is killed. */
import { SharedZoneMemory } from '../../core/zone-memory.ts'
import { trafficZoneOf } from './traffic-zone.ts'

const [instance = '', times = '0'] = process.argv.slice(2)
const memory = new SharedZoneMemory(() => ({ instance, owner: undefined }))
const zone = trafficZoneOf(memory, { name: 'test', bytes: 1024 * 1024 }, 2)
const style = { average: 'AMM', periodMs: 0, bucketsMs: [5, 50] } as const
const held = zone.servers.hold('', 'site', style)
process.send!('ready')
// A listener that stays keeps the process, until it is killed or its parent is gone.
process.on('message', () => {
  for (let i = 0; i < Number(times); i += 1) {
    const counter = i % 2 === 0 ? held : zone.servers.counterOf('', 'site', style)
    counter.count(200 + (i % 5) * 100, 10, 100, Date.now())
    counter.time(0, i % 100)
  }
  process.send!('done')
})

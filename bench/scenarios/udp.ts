import {
  cpuPerRequest,
  defineProxyScenario,
  medianLatency,
  requestRate,
  requestSample,
  tailLatency,
} from '../proxy-scenario.ts'
import type { Scenario } from '../scenario.ts'

/** Datagrams of sessions that stay; haproxy has no UDP. */
export const udp: Scenario = defineProxyScenario({
  name: 'udp',
  title: 'UDP, 64 bytes there and back, 64 sessions that stay open',
  peers: ['nginx', 'trijet'],
  transport: 'udp',
  kind: 'udp',
  connections: 64,
  messageBytes: 64,
  metrics: [cpuPerRequest, requestRate, medianLatency, tailLatency],
  toSample: requestSample,
})

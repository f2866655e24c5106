import {
  cpuPerRequest,
  defineProxyScenario,
  medianLatency,
  requestRate,
  requestSample,
  tailLatency,
} from '../proxy-scenario.ts'
import type { Scenario } from '../scenario.ts'

/** What a proxy costs per message when connections stay: the plainest case of all. */
export const tcpSmall: Scenario = defineProxyScenario({
  name: 'tcp-small',
  title: 'TCP, 64 bytes there and back, 64 connections that stay open',
  peers: ['nginx', 'haproxy', 'trijet'],
  transport: 'tcp',
  kind: 'ping-pong',
  connections: 64,
  messageBytes: 64,
  metrics: [
    { ...cpuPerRequest, target: { atMost: 1.25 } },
    requestRate,
    medianLatency,
    { ...tailLatency, target: { atMost: 2 } },
  ],
  toSample: requestSample,
})

import {
  cpuPerRequest,
  defineProxyScenario,
  medianLatency,
  requestRate,
  requestSample,
  tailLatency,
} from '../proxy-scenario.ts'
import type { Scenario } from '../scenario.ts'

/** What a new connection costs: accept, connect to the backend, one message, close both. */
export const tcpConnect: Scenario = defineProxyScenario({
  name: 'tcp-connect',
  title: 'TCP, a new connection for every 64 bytes there and back, 32 at a time',
  peers: ['nginx', 'haproxy', 'trijet'],
  transport: 'tcp',
  kind: 'connect',
  connections: 32,
  messageBytes: 64,
  metrics: [
    { ...cpuPerRequest, label: 'CPU µs/connection' },
    { ...requestRate, label: 'connections/s' },
    medianLatency,
    tailLatency,
  ],
  toSample: requestSample,
})

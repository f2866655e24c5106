import { defineProxyScenario } from '../proxy-scenario.ts'
import type { Scenario } from '../scenario.ts'

const bytesPerMib = 1_048_576

/** How fast bytes pass when there is no end of them. */
export const tcpBulk: Scenario = defineProxyScenario({
  name: 'tcp-bulk',
  title: 'TCP, bytes without end from the backend, 8 connections',
  peers: ['nginx', 'haproxy', 'trijet'],
  transport: 'tcp',
  kind: 'bulk',
  connections: 8,
  messageBytes: 0,
  metrics: [
    { key: 'mibPerSecond', label: 'MiB/s', digits: 0, target: { atLeast: 0.8 } },
    { key: 'cpuMsPerGib', label: 'CPU ms/GiB', digits: 0 },
  ],
  toSample: ({ bytes, seconds, cpuSeconds }) => ({
    mibPerSecond: bytes / bytesPerMib / seconds,
    cpuMsPerGib: (cpuSeconds * 1_000) / (bytes / bytesPerMib / 1_024),
  }),
})

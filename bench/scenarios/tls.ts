import {
  cpuPerRequest,
  defineProxyScenario,
  medianLatency,
  requestRate,
  requestSample,
  tailLatency,
} from '../proxy-scenario.ts'
import type { Scenario } from '../scenario.ts'

/** TLS 1.3 termination with an ECDSA certificate; the load is dearer than the proxies here. */
export const tls: Scenario = defineProxyScenario({
  name: 'tls',
  title: 'TLS termination, 64 bytes there and back, 64 connections that stay open',
  peers: ['nginx', 'haproxy', 'trijet'],
  transport: 'tls',
  kind: 'tls',
  connections: 64,
  messageBytes: 64,
  metrics: [cpuPerRequest, requestRate, medianLatency, tailLatency],
  toSample: requestSample,
})

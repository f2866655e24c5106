import { defineHttpScenario, keptUpstream, passToBackend } from '../http-scenario.ts'
import { cpuPerRequest, medianLatency, requestRate, tailLatency } from '../proxy-scenario.ts'
import type { Scenario } from '../scenario.ts'

/** A connection for each request, as from clients that do not keep them. */
export const httpChurn: Scenario = defineHttpScenario({
  name: 'http-churn',
  title: 'HTTP proxy, 128 bytes of body, a new connection for each request, 32 at once',
  peers: ['nginx', 'trijet'],
  metrics: [
    { ...cpuPerRequest, target: { atMost: 1.25 } },
    requestRate,
    medianLatency,
    { ...tailLatency, target: { atMost: 2 } },
  ],
  kind: 'http-connect',
  connections: 32,
  bodyBytes: 128,
  conf: (ports) =>
    `${keptUpstream(ports)}
    server { listen 127.0.0.1:${ports.port} backlog=4096; location / { ${passToBackend} } }`,
})

import { defineHttpScenario, keptUpstream, passToBackend } from '../http-scenario.ts'
import type { LoadResult } from '../load/job.ts'
import { tailLatency } from '../proxy-scenario.ts'
import type { Metric, Sample, Scenario } from '../scenario.ts'

const bytesPerGib = 1_024 ** 3

const metrics: readonly Metric[] = [
  { key: 'cpuPerGib', label: 'CPU s/GiB', digits: 3 },
  { key: 'gibRate', label: 'GiB/s', digits: 2, target: { atLeast: 0.8 } },
  tailLatency,
]

function toSample({ requests, bytes, seconds, cpuSeconds, p99Us }: LoadResult): Sample {
  if (requests === 0) throw new Error('no request was answered')
  const gib = bytes / bytesPerGib
  return { cpuPerGib: cpuSeconds / gib, gibRate: gib / seconds, p99Us }
}

const sizes = [
  { name: 'http-bulk-100k', bodyBytes: 100 * 1_024, connections: 32, says: '100 KiB' },
  { name: 'http-bulk-10m', bodyBytes: 10 * 1_024 ** 2, connections: 8, says: '10 MiB' },
] as const

/** Bodies that pass through: what each byte costs. */
export const httpBulk: readonly Scenario[] = sizes.map(({ name, bodyBytes, connections, says }) =>
  defineHttpScenario({
    name,
    title: `HTTP proxy, ${says} of body, ${connections} connections that stay open`,
    peers: ['nginx', 'trijet', 'node-http'],
    metrics,
    toSample,
    kind: 'http',
    bodyBytes,
    connections,
    conf: (ports) =>
      `${keptUpstream(ports)}
      server {
        listen 127.0.0.1:${ports.port};
        location / { ${passToBackend} proxy_max_temp_file_size 0; }
      }`,
  }),
)

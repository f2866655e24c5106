import { defineHttpScenario, keptUpstream, passToBackend, type Ports } from '../http-scenario.ts'
import { cpuPerRequest, medianLatency, requestRate, tailLatency } from '../proxy-scenario.ts'
import type { Metric, Scenario } from '../scenario.ts'

const metrics: readonly Metric[] = [
  { ...cpuPerRequest, target: { atMost: 1.15 } },
  { ...requestRate, target: { atLeast: 0.85 } },
  medianLatency,
  { ...tailLatency, target: { atMost: 1.5 } },
]

const plain = (ports: Ports): string =>
  `${keptUpstream(ports)}
  server { listen 127.0.0.1:${ports.port} backlog=4096; location / { ${passToBackend} } }`

/** A log line for each request, and what a gateway usually does to fields: eight rules. */
const logged = (ports: Ports): string =>
  `access_log logs/access.log combined;
  ${keptUpstream(ports)}
  server {
    listen 127.0.0.1:${ports.port} backlog=4096;
    location / {
      ${passToBackend}
      proxy_set_header Host $host;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header Accept-Encoding "";
      proxy_hide_header X-Powered-By;
      add_header X-Frame-Options DENY;
      add_header X-Content-Type-Options nosniff always;
    }
  }`

const small = { kind: 'http', bodyBytes: 128, metrics } as const

/** What a proxy costs per request when connections stay: the case that users have most. */
export const httpProxy: readonly Scenario[] = [
  defineHttpScenario({
    ...small,
    name: 'http-proxy-small',
    title: 'HTTP proxy, 128 bytes of body, 64 connections that stay open',
    peers: ['nginx', 'trijet', 'node-http', 'http-proxy', 'fastify'],
    connections: 64,
    conf: plain,
  }),
  defineHttpScenario({
    ...small,
    name: 'http-proxy-many',
    title: 'HTTP proxy, 128 bytes of body, 1,000 connections that stay open',
    peers: ['nginx', 'trijet', 'node-http', 'http-proxy', 'fastify'],
    connections: 1_000,
    conf: plain,
  }),
  defineHttpScenario({
    ...small,
    name: 'http-proxy-logged',
    title: 'HTTP proxy with an access log and eight rules for fields, 64 connections',
    peers: ['nginx', 'trijet'],
    connections: 64,
    conf: logged,
  }),
  defineHttpScenario({
    ...small,
    name: 'http-scale',
    title: 'HTTP proxy, two workers on the same core, 64 connections',
    peers: ['nginx', 'trijet'],
    connections: 64,
    workers: 2,
    conf: plain,
  }),
]

import { certificateFor } from '../../test/support/certificates.ts'
import { defineHttpScenario } from '../http-scenario.ts'
import { cpuPerRequest, medianLatency, requestRate, tailLatency } from '../proxy-scenario.ts'
import type { Metric, Scenario } from '../scenario.ts'

/** `cpu`: how much of nginx's CPU a request may take; a bare `return` is all overhead, and has no bound. */
function metrics(cpu?: number): readonly Metric[] {
  const perRequest =
    cpu === undefined ? cpuPerRequest : { ...cpuPerRequest, target: { atMost: cpu } }
  return [perRequest, requestRate, medianLatency, tailLatency]
}

const kib = 1_024
const files = { 'site/1k.txt': 'x'.repeat(kib) }
const virtualServers = 10_000

const own = { peers: ['nginx', 'trijet'], connections: 64, alone: true } as const

function tlsLines(): string {
  const { certFile, keyFile } = certificateFor('bench', 'ecdsa')
  return `ssl_certificate ${certFile}; ssl_certificate_key ${keyFile};`
}

/** Requests that are answered without a backend. */
export const httpServing: readonly Scenario[] = [
  defineHttpScenario({
    ...own,
    metrics: metrics(),
    name: 'http-return',
    title: 'HTTP, a text by return, 64 connections that stay open',
    kind: 'http',
    bodyBytes: 2,
    conf: ({ port }) => `server { listen 127.0.0.1:${port}; location / { return 200 ok; } }`,
  }),
  defineHttpScenario({
    ...own,
    metrics: metrics(1.5),
    name: 'http-static-1k',
    title: 'HTTP, a file of 1 KiB, 64 connections that stay open',
    kind: 'http',
    bodyBytes: kib,
    path: '/1k.txt',
    files,
    conf: ({ port }) =>
      `sendfile on; open_file_cache max=100;
      server { listen 127.0.0.1:${port}; root site; }`,
  }),
  defineHttpScenario({
    ...own,
    metrics: metrics(1.1),
    name: 'http-tls',
    title: 'HTTPS, a file of 1 KiB, 64 connections that stay open',
    kind: 'https',
    bodyBytes: kib,
    path: '/1k.txt',
    files,
    conf: ({ port }) =>
      `open_file_cache max=100;
      server { listen 127.0.0.1:${port} ssl; root site; ${tlsLines()} }`,
  }),
  defineHttpScenario({
    ...own,
    metrics: metrics(),
    name: 'http-10k-servers',
    title: 'HTTP, a text by return from each of 10,000 virtual servers in turn, 64 connections',
    kind: 'http',
    bodyBytes: 2,
    hosts: virtualServers,
    conf: ({ port }) => {
      const server = (_: unknown, i: number): string =>
        `server { listen 127.0.0.1:${port}; server_name s${i}.test; location / { return 200 ok; } }`
      const servers = Array.from({ length: virtualServers }, server).join('\n')
      return `server_names_hash_max_size ${virtualServers * 4};\n${servers}`
    },
  }),
]

/**
 * `npm run bench [-- scenario…] [--rounds=5] [--window=3000] [--peers=nginx,trijet]`: the engine beside its
 * peers in one run. Prints tables and ratios, writes `bench/results/`.
 *
 * Only ratios of one run mean anything: machines are shared, and differ.
 */
import { parseArgs } from 'node:util'
import { run } from '../test/support/process.ts'
import { Scope } from '../test/support/scope.ts'
import { startHaproxyPeer } from './peers/haproxy.ts'
import { startNginxPeer } from './peers/nginx.ts'
import { startNodePeer } from './peers/node.ts'
import type { PeerName, StartPeer } from './peers/peer.ts'
import { startTrijetPeer } from './peers/trijet.ts'
import { missedTargets, save, toTable } from './report.ts'
import type { BenchOptions, Scenario } from './scenario.ts'
import { changesAmongMany } from './scenarios/changes-among-many.ts'
import { costOfChangeHttp } from './scenarios/cost-of-change-http.ts'
import { costOfChange } from './scenarios/cost-of-change.ts'
import { http2 } from './scenarios/http2.ts'
import { httpBulk } from './scenarios/http-bulk.ts'
import { httpChurn } from './scenarios/http-churn.ts'
import { httpIdleMemory } from './scenarios/http-idle-memory.ts'
import { httpProxy } from './scenarios/http-proxy.ts'
import { httpServing } from './scenarios/http-serving.ts'
import { idleMemory } from './scenarios/idle-memory.ts'
import { startUp } from './scenarios/start-up.ts'
import { mixedChanges } from './scenarios/mixed-changes.ts'
import { tcpBulk } from './scenarios/tcp-bulk.ts'
import { tcpConnect } from './scenarios/tcp-connect.ts'
import { tcpSmall } from './scenarios/tcp-small.ts'
import { tls } from './scenarios/tls.ts'
import { udp } from './scenarios/udp.ts'

const scenarios: readonly Scenario[] = [
  tcpSmall,
  tcpBulk,
  tcpConnect,
  udp,
  tls,
  idleMemory,
  startUp,
  costOfChange,
  costOfChangeHttp,
  mixedChanges,
  changesAmongMany,
  ...httpProxy,
  ...httpBulk,
  ...httpServing,
  httpChurn,
  httpIdleMemory,
  http2,
]

const starters: Readonly<Record<PeerName, StartPeer>> = {
  nginx: startNginxPeer,
  haproxy: startHaproxyPeer,
  trijet: startTrijetPeer,
  caddy: () => Promise.reject(new Error('caddy is measured in mixed-changes only')),
  'node-http': startNodePeer('node-http'),
  'http-proxy': startNodePeer('http-proxy'),
  fastify: startNodePeer('fastify'),
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    'warm-up': { type: 'string', default: '1000' },
    window: { type: 'string', default: '3000' },
    servers: { type: 'string', default: '10000' },
    changes: { type: 'string', default: '10000' },
    peers: { type: 'string', default: Object.keys(starters).join() },
  },
})
const options: BenchOptions = {
  peers: values.peers.split(',') as PeerName[],
  rounds: Number(values.rounds),
  warmUpMs: Number(values['warm-up']),
  windowMs: Number(values.window),
  servers: Number(values.servers),
  changes: Number(values.changes),
}

const chosen = scenarios.filter(
  ({ name }) => positionals.length === 0 || positionals.includes(name),
)
if (chosen.length === 0) {
  console.error(`no such scenario; there are ${scenarios.map(({ name }) => name).join(', ')}`)
  process.exit(1)
}
const versions = await readVersions()
for (const scenario of chosen) await runScenario(scenario)

async function runScenario(scenario: Scenario): Promise<void> {
  console.log(`\n${scenario.name}: ${scenario.title}`)
  const owner = new Scope()
  const note = (text: string): void => console.log(`  ${text}`)
  try {
    const outcome = await scenario.run({ ...options, owner, starters, note })
    console.log(`\n${toTable(scenario, outcome)}`)
    for (const label of missedTargets(scenario, outcome)) console.log(`missed: ${label}`)
    save(scenario, outcome, options, versions)
    if (outcome.failures.size > 0) process.exitCode = 1
  } finally {
    await owner.close()
  }
}

async function readVersions(): Promise<Record<string, string>> {
  const nginx = /nginx\/(\S+)/.exec((await run(['nginx', '-v'])).stderr)?.[1] ?? '?'
  const haproxy = /version (\d[\d.]*)/.exec((await run(['haproxy', '-v'])).stdout)?.[1] ?? '?'
  return { nginx, haproxy, node: process.versions.node }
}

/**
 * HTTP/2 over TLS, with h2load as the client: a generator that we did not write.
 */
import { certificateFor } from '../../test/support/certificates.ts'
import { run } from '../../test/support/process.ts'
import { clockTickMs, readProcess } from '../../test/support/process-tree.ts'
import { loadCore, onCore } from '../cores.ts'
import { startHttpStation } from '../http-scenario.ts'
import type { PeerName } from '../peers/peer.ts'
import { cpuPerRequest, requestRate, type Station } from '../proxy-scenario.ts'
import { inRounds } from '../rounds.ts'
import type { Bench, Outcome, Sample, Scenario } from '../scenario.ts'

const connections = 16
const streams = 8
const files = { 'site/1k.txt': 'x'.repeat(1_024) }
const msPerSecond = 1_000
/** Above the time that h2load is told to run. */
const graceMs = 60_000

export const http2: Scenario = {
  name: 'http2',
  title: `HTTP/2 over TLS, a file of 1 KiB, ${connections} connections of ${streams} streams`,
  peers: ['nginx', 'trijet'],
  metrics: [{ ...cpuPerRequest, target: { atMost: 1.25 } }, requestRate],
  run: (bench) => runScenario(bench),
}

async function runScenario(bench: Bench): Promise<Outcome> {
  const stations = new Map<PeerName, Station>()
  return inRounds(bench, http2, async (name) => {
    const known = stations.get(name)
    const station = known ?? (await startHttpStation(bench, { conf: confText, files }, name))
    stations.set(name, station)
    await load(station, bench.warmUpMs)
    const before = cpuMs(station)
    const sample = await load(station, bench.windowMs)
    return { ...sample, cpuUs: ((cpuMs(station) - before) * msPerSecond) / sample['requests']! }
  })
}

function confText({ port }: { readonly port: number }): string {
  const { certFile, keyFile } = certificateFor('bench', 'ecdsa')
  return `open_file_cache max=100;
    server {
      listen 127.0.0.1:${port} ssl http2;
      root site;
      ssl_certificate ${certFile};
      ssl_certificate_key ${keyFile};
    }`
}

/** Runs h2load for a time; fails where a request did. */
async function load({ plan }: Station, forMs: number): Promise<Sample> {
  const seconds = Math.max(1, Math.round(forMs / msPerSecond))
  const url = `https://127.0.0.1:${plan.port}/1k.txt`
  const amount = ['-c', String(connections), '-m', String(streams), '-D', String(seconds)]
  const command = onCore(loadCore, ['h2load', ...amount, url])
  const { stdout, code } = await run(command, { deadlineMs: forMs + graceMs })
  const counts = /(\d+) succeeded, (\d+) failed, (\d+) errored/.exec(stdout)
  if (code !== 0 || counts === null) throw new Error(`h2load failed\n${stdout}`)
  const [requests, failed, errors] = counts.slice(1).map(Number) as [number, number, number]
  if (failed + errors > 0 || requests === 0) throw new Error(`${failed + errors} requests failed`)
  return { requests, rate: requests / seconds }
}

function cpuMs({ peer }: Station): number {
  const ticks = peer.pids().map((pid) => readProcess(pid)?.cpuTicks ?? 0)
  return ticks.reduce((sum, each) => sum + each, 0) * clockTickMs
}

/**
 * The real programs that tests and benchmarks run beside the engine: found, or installed from Debian's
 * packages when we may, or named.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs'

interface Peer {
  readonly package: string
  /** Found when any of these exists: a command on the path, or a file. */
  readonly proofs: readonly string[]
}

const peers: readonly Peer[] = [
  { package: 'nginx', proofs: ['nginx'] },
  {
    package: 'libnginx-mod-stream',
    proofs: [
      '/usr/lib/nginx/modules/ngx_stream_module.so',
      '/usr/share/nginx/modules/ngx_stream_module.so',
    ],
  },
  { package: 'haproxy', proofs: ['haproxy'] },
  { package: 'mosquitto', proofs: ['mosquitto'] },
  { package: 'mosquitto-clients', proofs: ['mosquitto_pub'] },
  { package: 'curl', proofs: ['curl'] },
  { package: 'openssl', proofs: ['openssl'] },
  { package: 'iptables', proofs: ['iptables'] },
  { package: 'iproute2', proofs: ['ip'] },
  { package: 'netcat-openbsd', proofs: ['nc'] },
  { package: 'wrk', proofs: ['wrk'] },
  { package: 'nghttp2-client', proofs: ['h2load'] },
  { package: 'mariadb-server', proofs: ['mariadbd'] },
  { package: 'chromium', proofs: ['chromium'] },
  { package: 'prometheus', proofs: ['prometheus'] },
  { package: 'procps', proofs: ['ps'] },
  { package: 'util-linux', proofs: ['taskset'] },
]

/** What benchmarks are run beside as well. */
export const benchPeers: readonly Peer[] = [...peers, { package: 'caddy', proofs: ['caddy'] }]

const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin']

/** Debian asks this file before it starts a service of a package; 101 means "do not". */
const policyFile = '/usr/sbin/policy-rc.d'

/** Makes every peer available or throws an error that names what is missing and how to get it. */
export function installPeers(needed: readonly Peer[] = peers): void {
  process.env['PATH'] = [...new Set(folders)].join(':')
  const wanted = missingPackages(needed)
  if (wanted.length === 0) return
  if (canInstall()) {
    console.log(`trijet: installing ${wanted.join(' ')} (apt-get)`)
    withoutServices(() => {
      apt('update', '-qq')
      apt('install', '-qq', '--yes', '--no-install-recommends', ...wanted)
    })
  }
  const missing = missingPackages(needed)
  if (missing.length === 0) return
  throw new Error(
    `programs of these Debian packages are needed and not there: ${missing.join(' ')}\n` +
      `install them, for instance by: sudo apt-get install ${missing.join(' ')}`,
  )
}

function missingPackages(needed: readonly Peer[]): string[] {
  return needed.filter(({ proofs }) => !proofs.some(isThere)).map((peer) => peer.package)
}

function isThere(proof: string): boolean {
  if (proof.startsWith('/')) return existsSync(proof)
  return folders.some((folder) => {
    try {
      accessSync(`${folder}/${proof}`, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function canInstall(): boolean {
  return process.getuid?.() === 0 && isThere('apt-get')
}

function apt(...args: string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status } = spawnSync('apt-get', args, { env, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) throw new Error(`apt-get ${args[0]} failed`)
}

/** Runs the work while packages may not start their services; an existing policy stays in force. */
function withoutServices(work: () => void): void {
  const ours = !existsSync(policyFile)
  if (ours) writeFileSync(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    work()
  } finally {
    if (ours) rmSync(policyFile)
  }
}

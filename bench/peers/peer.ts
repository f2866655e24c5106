/**
 * A program under measurement: a proxy in front of one backend, on one core.
 */
import { readFileSync } from 'node:fs'
import { memoryBytes } from '../../test/support/process-tree.ts'
import type { Owner } from '../../test/support/scope.ts'
import type { Files } from '../../test/support/temp-prefix.ts'

export type PeerName =
  | 'nginx'
  | 'haproxy'
  | 'caddy'
  | 'trijet'
  | 'node-http'
  | 'http-proxy'
  | 'fastify'

/** What the proxy is to do; every peer is given the same. */
export interface ProxyPlan {
  readonly transport: 'tcp' | 'udp' | 'tls' | 'http'
  readonly port: number
  readonly backendPort: number
  /** Processes that serve. */
  readonly workers: number
  /** Body of the `http` block of a plan for HTTP, and files beside it. */
  readonly http?: string
  readonly files?: Files
}

export interface RunningPeer {
  readonly name: PeerName
  /** Its processes now, master first. */
  pids(): number[]
  stop(): Promise<void>
}

/** What its processes take up now, in bytes. */
export function memoryOf({ pids }: Pick<RunningPeer, 'pids'>): number {
  return pids().reduce((sum, pid) => sum + memoryBytes(pid), 0)
}

/** Starts a peer; it ends with its owner. Resolves when it listens. */
export type StartPeer = (owner: Owner, plan: ProxyPlan) => Promise<RunningPeer>

/** A session must outlive every window. */
export const idleTimeoutMinutes = 60

/** Descriptors a process needs beside its connections: listeners, logs, libraries. */
const otherFiles = 200
const connectionsWanted = 10_000

/** Connections a proxy may hold: each takes two descriptors, and the machine may allow fewer than we want. */
export const connectionsMax: number = Math.min(
  connectionsWanted,
  Math.floor((openFilesMax() - otherFiles) / 2),
)

function openFilesMax(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1]
  return soft === undefined || soft === 'unlimited' ? Infinity : Number(soft)
}

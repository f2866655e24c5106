/**
 * What a load process is asked to do, and what it answers: one line of JSON each.
 */
export type LoadKind =
  | 'ping-pong'
  | 'bulk'
  | 'connect'
  | 'udp'
  | 'idle'
  | 'tls'
  | 'http'
  | 'http-connect'
  | 'http-idle'
  | 'https'

export interface LoadJob {
  readonly kind: LoadKind
  /** Port of the proxy under test. */
  readonly port: number
  /** Port the load process itself serves as the backend behind the proxy; 0 for none. */
  readonly backendPort: number
  readonly connections: number
  /** Of a message; of HTTP, the body of an answer. */
  readonly messageBytes: number
  /** Of HTTP requests; `/` without it. */
  readonly path?: string
  /** Requests go to `s0.test`, `s1.test` … up to this many; to one host without it. */
  readonly hosts?: number
  /** Each request says that it is the last of its connection. */
  readonly close?: boolean
  /** Connections that end are opened anew: an end that was announced is no error. */
  readonly reopen?: boolean
  readonly warmUpMs: number
  /** The window ends earlier when the standard input ends. */
  readonly windowMs: number
  /** Processes whose CPU time over the window is asked for. */
  readonly pids: readonly number[]
}

export interface LoadResult {
  /** Messages answered, connections served, or nothing for bulk transfer. */
  readonly requests: number
  readonly bytes: number
  readonly seconds: number
  /** CPU time of `pids`, and of the load process itself. */
  readonly cpuSeconds: number
  readonly loadCpuSeconds: number
  /** Connections refused, reset or ended too early, and datagrams lost. */
  readonly errors: number
  readonly p50Us: number
  readonly p99Us: number
  readonly maxUs: number
}

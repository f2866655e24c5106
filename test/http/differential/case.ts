/**
 * One case: a server's configuration and bytes for it, given to nginx and to this engine alike. What comes
 * back, what backends saw and what was logged must be the same. See README.md beside this file.
 */
import type { ConnectionOptions } from 'node:tls'
import type { Files } from '../../support/temp-prefix.ts'
import type { Backends } from './backend.ts'

export interface Case {
  /** What it shows; unique within its family. */
  readonly name: string
  /** Body of a `server` block; its `listen` is added, and `root {root};` where no `root` is named. */
  readonly server?: string
  /** Stands in `http` before the server: maps, upstreams, zones, more servers on `{address}:{port}`. */
  readonly http?: string
  /** Options behind the address of `listen`, such as `ssl` or `proxy_protocol`. */
  readonly listen?: string
  /** Below the case's root; a name with a slash in front is relative to the prefix. */
  readonly files?: Files
  /** What plays the upstream; its address stands in the configuration as `{upstream}`. */
  readonly upstream?: Backends
  /** Several of them: `{upstream:name}`. */
  readonly upstreams?: Readonly<Record<string, Backends>>
  /** Requests that the backends are waited for, where they come after the answer (`mirror`). */
  readonly seenAtLeast?: number
  /** Sent one after the other, on one connection as long as the server keeps it. */
  readonly requests?: readonly (string | Step)[]
  /** The client speaks TLS; add `listen: 'ssl'`. */
  readonly tls?: ClientTls
  /** Text of a `log_format`: a line for each request is compared. */
  readonly accessLog?: string
  /** Level of an error log whose lines are compared, from that level up. */
  readonly errorLog?: 'emerg' | 'error' | 'warn' | 'notice' | 'info'
  /** Fields of answers that are not compared, and why. */
  readonly except?: { readonly fields: readonly string[]; readonly why: string }
  /** Replaced in what was observed, for what is random by its nature. */
  readonly mask?: readonly (readonly [pattern: RegExp, text: string])[]
  /** Both are to refuse the configuration, in the same words. */
  readonly refused?: true
  /** Where this engine differs on purpose, as docs/differences.md says. */
  readonly difference?: Difference
}

export interface Difference {
  readonly why: string
  /** Must be found in what was observed of this engine. */
  readonly ours: RegExp
}

export interface ClientTls {
  readonly servername?: string
  /** Shows the test's client certificate. */
  readonly certificate?: boolean
  /** What else Node's client is told, such as `maxVersion`. */
  readonly options?: Pick<
    ConnectionOptions,
    'ALPNProtocols' | 'ciphers' | 'ecdhCurve' | 'maxVersion' | 'minVersion'
  >
}

export interface Step {
  /** Bytes; pieces of a list are sent one by one, so that they arrive apart. */
  readonly send: string | readonly string[]
  /** Final answers to wait for; without it as many as requests stand in the bytes. */
  readonly answers?: number
  /** Begins a new connection. */
  readonly fresh?: boolean
  /** Ends our direction behind the bytes. */
  readonly end?: boolean
}

/** A request to a virtual host, on a connection that is to stay. */
export function get(target: string, fields = '', method = 'GET'): string {
  return `${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`
}

/** A request with a body by length. */
export function post(target: string, body: string, fields = '', method = 'POST'): string {
  const length = Buffer.byteLength(body, 'latin1')
  return `${get(target, `${fields}Content-Length: ${length}\r\n`, method)}${body}`
}

/** A response with a body by length, for a backend to send. */
export function reply(body: string, fields = '', status = '200 OK'): string {
  const length = Buffer.byteLength(body, 'latin1')
  return `HTTP/1.1 ${status}\r\n${fields}Content-Length: ${length}\r\n\r\n${body}`
}

/**
 * A case in an engine: where its server listens, where its files lie, and the text of its configuration.
 *
 * All cases share one process of each engine. Each has an address of its own in 127.0.0.0/8, the same in
 * both engines, so that only the port differs and `$server_addr` is the same.
 *
 * ```text
 *   case 5 of nginx    127.44.0.5:{port of nginx}     conf/cases/c5.conf   sites/c5/   logs/c5.log
 *   case 5 of trijet   127.44.0.5:{port of trijet}    conf/cases/c5.conf   sites/c5/   logs/c5.log
 * ```
 */
import { utimesSync } from 'node:fs'
import type { TempPrefix } from '../../support/temp-prefix.ts'
import type { Backend } from './backend.ts'
import type { Case, Step } from './case.ts'

/** When every file of every case was last changed: `Last-Modified` and `ETag` are the same in both. */
export const fileTime: Date = new Date('2026-01-02T03:04:05Z')

const addressesPerBlock = 250

export interface EnginePorts {
  readonly port: number
  /** A second port, for cases with more than one. */
  readonly port2: number
}

export class Site {
  readonly id: string
  readonly case: Case
  readonly address: string
  readonly ports: EnginePorts
  readonly backends: ReadonlyMap<string, Backend>
  readonly confName: string

  constructor(index: number, of: Case, ports: EnginePorts, backends: ReadonlyMap<string, Backend>) {
    this.id = `c${index}`
    this.case = of
    const block = Math.floor(index / addressesPerBlock)
    this.address = `127.44.${block}.${(index % addressesPerBlock) + 1}`
    this.ports = ports
    this.backends = backends
    this.confName = `conf/cases/${this.id}.conf`
  }

  get root(): string {
    return `sites/${this.id}`
  }

  get accessLog(): string {
    return `logs/${this.id}.log`
  }

  get errorLog(): string {
    return `logs/${this.id}.error.log`
  }

  /** Puts what stands for places into a text of the case. */
  fill(text: string): string {
    return text.replaceAll(/\{(\w+)(?::(\w+))?\}/g, (whole, name: string, part?: string) => {
      switch (name) {
        case 'id':
          return this.id
        case 'root':
          return this.root
        case 'address':
          return this.address
        case 'port':
          return String(this.ports.port)
        case 'port2':
          return String(this.ports.port2)
        case 'upstream':
          return `127.0.0.1:${this.#backendPort(part ?? 'upstream')}`
        default:
          return whole
      }
    })
  }

  #backendPort(name: string): number {
    const backend = this.backends.get(name)
    if (backend === undefined) throw new Error(`${this.case.name}: no upstream ${name}`)
    return backend.port
  }

  get steps(): readonly Step[] {
    return (this.case.requests ?? []).map((request) => {
      const step = typeof request === 'string' ? { send: request } : request
      const { send } = step
      return {
        ...step,
        send: typeof send === 'string' ? this.fill(send) : send.map((s) => this.fill(s)),
      }
    })
  }

  /** Writes the configuration and the files of the case. */
  install(prefix: TempPrefix): void {
    prefix.write(this.confName, this.fill(this.#conf()))
    for (const [name, content] of Object.entries(this.case.files ?? {})) {
      const at = name.startsWith('/') ? this.fill(name.slice(1)) : `${this.root}/${this.fill(name)}`
      utimesSync(prefix.write(at, content), fileTime, fileTime)
    }
  }

  #conf(): string {
    const { http = '', server, listen = '', accessLog, errorLog } = this.case
    const lines = [http]
    if (accessLog !== undefined) {
      lines.unshift(`log_format {id} '${accessLog.replaceAll("'", "\\'")}';`)
    }
    if (server === undefined) return lines.join('\n')
    lines.push('server {', `listen {address}:{port} ${listen};`)
    if (!/(^|[\s;{])root\s/.test(server)) lines.push('root {root};')
    if (listen.includes('ssl') && !server.includes('ssl_certificate')) {
      lines.push('ssl_certificate server.pem;', 'ssl_certificate_key server.key;')
    }
    if (accessLog !== undefined) lines.push(`access_log ${this.accessLog} {id};`)
    if (errorLog !== undefined) lines.push(`error_log ${this.errorLog} ${errorLog};`)
    return [...lines, server, '}', ''].join('\n')
  }
}

/** The gateway in the grammar that nginx and this engine share; what changes is filled in. */
import { certificateFor } from '../../../test/support/certificates.ts'
import { keptUpstream, passToBackend } from '../../http-scenario.ts'
import type { MixedPorts } from './mixed.ts'

export const host = '127.0.0.1'

/** Groups and servers that have nothing to do with what changes. */
export function crowdConf({ port }: MixedPorts, size: number): string {
  const one = (_: unknown, i: number): string =>
    `upstream u${i} { server ${host}:1; server ${host}:2 backup; }
    server { listen ${host}:${port}; server_name s${i}.test; location / { proxy_pass http://u${i}; } }`
  return Array.from({ length: size }, one).join('\n')
}

/** Pieces that are there while a change is made and not taken back. */
export interface Pieces {
  readonly location?: string
  readonly member?: string
  readonly map?: string
  readonly limit?: string
  readonly certificate?: string
  readonly header?: string
  readonly server?: string
}

export function gatewayConf(ports: MixedPorts, pieces: Pieces = {}): string {
  const { port, tlsPort, socketPort, backendPort } = ports
  const { certFile, keyFile } = certificateFor('secure.test', 'rsa')
  return `
    access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;
    map $arg_k $mapped { default none; a "${pieces.map ?? 'one'}"; }
    limit_req_zone $arg_u zone=reqs:1m rate=1000r/s;
    ${keptUpstream({ port, backendPort })}
    upstream members { zone members 1m; server ${host}:${backendPort}; ${pieces.member ?? ''} }
    upstream sockets { server ${host}:${socketPort}; }
    server { listen ${host}:${port}; server_name bench.test;
      location / { ${passToBackend} }
      location /socket { proxy_pass http://sockets; proxy_http_version 1.1; proxy_read_timeout 1h;
        proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }
      location /members/ { proxy_pass http://members; }
      location /map { return 200 "$mapped"; }
      location /limit { ${pieces.limit ?? ''} return 200 limit; }
      location /header { ${pieces.header ?? ''} return 200 header; }
      ${pieces.location ?? ''}
    }
    server { listen ${host}:${tlsPort} ssl; server_name secure.test;
      ssl_certificate ${certFile}; ssl_certificate_key ${keyFile}; ${pieces.certificate ?? ''}
      return 200 secure; }
    ${pieces.server ?? ''}`
}

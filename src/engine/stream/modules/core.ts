/**
 * The stream module itself: its blocks, addresses and names of servers, and what concerns every session.
 */
import { hostname } from 'node:os'
import { ConfError } from '../../conf/diagnostics.ts'
import type { ValueType } from '../../core/module.ts'
import { parseServerName, type ServerName } from '../../core/server-names.ts'
import { captureVariables } from '../../modules/captures.ts'
import { concat, count, flag, size, timeMs } from '../../modules/value-types.ts'
import {
  type ResolverConfig,
  resolverTimeoutDefaultMs,
  resolverTimeoutValue,
  resolverValue,
} from '../../upstream/resolver-directive.ts'
import { listenType, type StreamListen } from '../listen.ts'
import { defineStreamModule, type SessionVariables, type StreamModule } from '../module.ts'
import { coreVariables } from '../core-variables.ts'
import { proxyProtocolTlvs, proxyProtocolVariables } from '../proxy-protocol-variables.ts'

export interface StreamCoreConf {
  readonly listen: readonly StreamListen[]
  readonly server_name: readonly ServerName[]
  readonly preread_buffer_size: number
  readonly preread_timeout: number
  readonly proxy_protocol_timeout: number
  readonly tcp_nodelay: boolean
  readonly resolver: ResolverConfig | undefined
  readonly resolver_timeout: number
  readonly variables_hash_bucket_size: number
  readonly variables_hash_max_size: number
  readonly server_names_hash_bucket_size: number
  readonly server_names_hash_max_size: number
}

const serverNames: ValueType<readonly ServerName[]> = {
  describe: 'name ...',
  parse: (args) => args.flatMap(parseName),
}

/** The name of a server that has none. */
export const noName: readonly ServerName[] = parseServerName('')

function parseName(text: string): readonly ServerName[] {
  if (text.toLowerCase() === '$hostname') return parseServerName(hostname())
  try {
    return parseServerName(text)
  } catch (error) {
    if (!(error instanceof ConfError) || !error.message.startsWith('invalid server name'))
      throw error
    throw new ConfError(`invalid server name or wildcard "${text}"`)
  }
}

const everywhere = ['stream', 'stream.server'] as const

export const streamCore: StreamModule<StreamCoreConf> = defineStreamModule<StreamCoreConf>({
  id: 'stream.core',
  blocks: {
    stream: {
      contexts: ['main'],
      args: [0, 0],
      syntax: 'stream { ... }',
      opens: 'stream',
      repeated: false,
      doc: 'Holds the configuration of TCP and UDP proxying.',
    },
    server: {
      contexts: ['stream'],
      args: [0, 0],
      syntax: 'server { ... }',
      opens: 'stream.server',
      repeated: true,
      doc: 'Configures a virtual server.',
    },
  },
  directives: {
    listen: {
      contexts: ['stream.server'],
      args: [1, Infinity],
      syntax:
        'listen address:port [ssl] [udp] [mesh] [proxy_protocol] [default_server] [backlog=number] [rcvbuf=size] [sndbuf=size] [fastopen=number] [ipv6only=on|off] [bind] [reuseport] [so_keepalive=on|off|[idle]:[interval]:[count]]',
      value: listenType,
      default: [],
      merge: concat,
      inherited: false,
      doc: 'Sets an address and port on which the server takes connections.',
    },
    server_name: {
      contexts: ['stream.server'],
      args: [1, Infinity],
      syntax: 'server_name name ...',
      value: serverNames,
      default: noName,
      merge: concat,
      inherited: false,
      doc: 'Sets names of the virtual server: exact, wildcard, or regular expression.',
    },
    preread_buffer_size: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'preread_buffer_size size',
      value: size,
      default: 16_384,
      doc: 'Sets how many bytes may be read ahead of choosing what to do with a connection.',
    },
    preread_timeout: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'preread_timeout time',
      value: timeMs,
      default: 30_000,
      doc: 'Sets how long the preread phase may last.',
    },
    proxy_protocol_timeout: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'proxy_protocol_timeout time',
      value: timeMs,
      default: 30_000,
      doc: 'Sets how long reading the PROXY protocol header may last.',
    },
    tcp_nodelay: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'tcp_nodelay on | off',
      value: flag,
      default: true,
      doc: 'Enables TCP_NODELAY on connections of clients and upstreams.',
    },
    resolver: {
      contexts: everywhere,
      args: [1, Infinity],
      syntax: 'resolver address ... [valid=time] [ipv4=on|off] [ipv6=on|off]',
      value: resolverValue,
      default: undefined,
      doc: 'Name servers that look up the names of upstreams while the engine runs.',
    },
    resolver_timeout: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'resolver_timeout time',
      value: resolverTimeoutValue,
      default: resolverTimeoutDefaultMs,
      doc: 'How long the look-up of a name may take.',
    },
    variables_hash_bucket_size: {
      contexts: ['stream'],
      args: [1, 1],
      syntax: 'variables_hash_bucket_size number',
      value: count,
      default: 64,
      doc: 'Accepted: tables of variables size themselves.',
    },
    variables_hash_max_size: {
      contexts: ['stream'],
      args: [1, 1],
      syntax: 'variables_hash_max_size number',
      value: count,
      default: 1024,
      doc: 'Accepted: tables of variables size themselves.',
    },
    server_names_hash_bucket_size: {
      contexts: ['stream'],
      args: [1, 1],
      syntax: 'server_names_hash_bucket_size number',
      value: count,
      default: 64,
      doc: 'Accepted: tables of names size themselves.',
    },
    server_names_hash_max_size: {
      contexts: ['stream'],
      args: [1, 1],
      syntax: 'server_names_hash_max_size number',
      value: count,
      default: 512,
      doc: 'Accepted: tables of names size themselves.',
    },
  },
  variables: {
    ...coreVariables,
    ...proxyProtocolVariables,
    ...(captureVariables as SessionVariables),
  },
  variablePrefixes: [proxyProtocolTlvs],
})

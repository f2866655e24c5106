/**
 * The HTTP module itself: its blocks, addresses and names of servers, and what concerns every request.
 */
import type { Row } from '../../core/module.ts'
import { parseServerName, type ServerName } from '../../core/server-names.ts'
import { captureVariables } from '../../modules/captures.ts'
import { concat, count, flag, oneOf, text, timeMs } from '../../modules/value-types.ts'
import {
  type ResolverConfig,
  resolverTimeoutDefaultMs,
  resolverTimeoutValue,
  resolverValue,
} from '../../upstream/resolver-directive.ts'
import { type ClientConf, clientRows } from '../client-rows.ts'
import { connectionVariables } from '../connection-variables.ts'
import { coreBlocks } from '../core-blocks.ts'
import { corePrefixes, coreVariables } from '../core-variables.ts'
import { type ErrorPage, errorPage, listenType, noArguments, serverNames } from '../core-values.ts'
import { defineHttpModule, type HttpModule, type RequestVariables } from '../module.ts'
import type { HttpListen } from '../server.ts'

export interface CoreConf extends ClientConf {
  readonly listen: readonly HttpListen[]
  readonly server_name: readonly ServerName[]
  readonly internal: boolean
  readonly error_page: readonly ErrorPage[]
  readonly default_type: string
  readonly recursive_error_pages: boolean
  readonly log_not_found: boolean
  readonly msie_padding: boolean
  readonly msie_refresh: boolean
  readonly server_tokens: 'on' | 'off' | 'build'
  readonly merge_slashes: boolean
  readonly underscores_in_headers: boolean
  readonly ignore_invalid_headers: boolean
  readonly absolute_redirect: boolean
  readonly server_name_in_redirect: boolean
  readonly port_in_redirect: boolean
  readonly log_subrequest: boolean
  readonly satisfy: 'all' | 'any'
  readonly auth_delay: number
  readonly sendfile: boolean
  readonly tcp_nopush: boolean
  readonly tcp_nodelay: boolean
  readonly resolver: ResolverConfig | undefined
  readonly resolver_timeout: number
  readonly variables_hash_bucket_size: number
  readonly variables_hash_max_size: number
  readonly server_names_hash_bucket_size: number
  readonly server_names_hash_max_size: number
}

const everywhere = ['http', 'http.server', 'http.location'] as const
const perServer = ['http', 'http.server'] as const

/** The name of a server that has none. */
export const noName: readonly ServerName[] = parseServerName('')

/** A directive that sizes a table which needs no size here. */
function accepted(name: string, fallback: number): Row<number> {
  return {
    contexts: ['http'],
    args: [1, 1],
    syntax: `${name} number`,
    value: count,
    default: fallback,
    doc: 'Accepted: tables size themselves.',
  }
}

export const httpCore: HttpModule<CoreConf> = defineHttpModule<CoreConf>({
  id: 'http.core',
  blocks: coreBlocks,
  directives: {
    listen: {
      contexts: ['http.server'],
      args: [1, Infinity],
      syntax:
        'listen address[:port] [default_server] [ssl] [http2] [proxy_protocol] [backlog=number] [rcvbuf=size] [sndbuf=size] [fastopen=number] [deferred] [ipv6only=on|off] [bind] [reuseport] [so_keepalive=on|off|[idle]:[interval]:[count]]',
      value: listenType,
      default: [],
      merge: concat,
      inherited: false,
      doc: 'Sets an address and port on which the server takes connections.',
    },
    server_name: {
      contexts: ['http.server'],
      args: [1, Infinity],
      syntax: 'server_name name ...',
      value: serverNames,
      default: noName,
      merge: concat,
      inherited: false,
      doc: 'Sets names of the virtual server: exact, wildcard, or regular expression.',
    },
    internal: {
      contexts: ['http.location'],
      args: [0, 0],
      syntax: 'internal',
      value: noArguments,
      default: false,
      inherited: false,
      doc: 'Keeps a location for internal redirects; clients get 404.',
    },
    ...clientRows,
    error_page: {
      contexts: [...everywhere, 'http.location.if'],
      args: [2, Infinity],
      syntax: 'error_page code ... [=[response]] uri',
      value: errorPage,
      default: [],
      merge: concat,
      doc: 'Sets what is shown for statuses.',
    },
    default_type: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'default_type mime-type',
      value: text,
      default: 'text/plain',
      doc: 'Sets the type of responses whose path has no known ending.',
    },
    recursive_error_pages: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'recursive_error_pages on | off',
      value: flag,
      default: false,
      doc: 'Lets error pages have error pages.',
    },
    log_not_found: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'log_not_found on | off',
      value: flag,
      default: true,
      doc: 'Logs files that are not there.',
    },
    msie_padding: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'msie_padding on | off',
      value: flag,
      default: true,
      doc: 'Makes error pages long enough for browsers that replace short ones by their own.',
    },
    msie_refresh: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'msie_refresh on | off',
      value: flag,
      default: false,
      doc: 'Sends pages that lead on, in the place of redirects, to Internet Explorer.',
    },
    server_tokens: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'server_tokens on | off | build',
      value: oneOf('on', 'off', 'build'),
      default: 'on',
      doc: 'Shows the version in the "Server" field and on error pages.',
    },
    merge_slashes: {
      contexts: perServer,
      args: [1, 1],
      syntax: 'merge_slashes on | off',
      value: flag,
      default: true,
      doc: 'Makes several slashes in a path one.',
    },
    underscores_in_headers: {
      contexts: perServer,
      args: [1, 1],
      syntax: 'underscores_in_headers on | off',
      value: flag,
      default: false,
      doc: 'Takes header fields with underscores in their names.',
    },
    ignore_invalid_headers: {
      contexts: perServer,
      args: [1, 1],
      syntax: 'ignore_invalid_headers on | off',
      value: flag,
      default: true,
      doc: 'Passes over header fields whose names are not letters, digits and hyphens.',
    },
    absolute_redirect: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'absolute_redirect on | off',
      value: flag,
      default: true,
      doc: 'Makes redirects absolute.',
    },
    server_name_in_redirect: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'server_name_in_redirect on | off',
      value: flag,
      default: false,
      doc: 'Uses the first server name in absolute redirects, not the "Host" of the request.',
    },
    port_in_redirect: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'port_in_redirect on | off',
      value: flag,
      default: true,
      doc: 'Writes the port in absolute redirects.',
    },
    log_subrequest: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'log_subrequest on | off',
      value: flag,
      default: false,
      doc: 'Writes subrequests to the access log.',
    },
    auth_delay: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'auth_delay time',
      value: timeMs,
      default: 0,
      doc: 'Holds refusals with 401 back, so that guessing passwords takes its time.',
    },
    satisfy: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'satisfy all | any',
      value: oneOf('all', 'any'),
      default: 'all',
      doc: 'Lets a request in when all, or any, of the access checks do.',
    },
    sendfile: {
      contexts: [...everywhere, 'http.location.if'],
      args: [1, 1],
      syntax: 'sendfile on | off',
      value: flag,
      default: false,
      doc: 'Accepted: files are read and written by pieces either way.',
    },
    tcp_nopush: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'tcp_nopush on | off',
      value: flag,
      default: false,
      doc: 'Accepted: head and first piece of a file always leave in one packet.',
    },
    tcp_nodelay: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'tcp_nodelay on | off',
      value: flag,
      default: true,
      doc: 'Enables TCP_NODELAY.',
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
    variables_hash_bucket_size: accepted('variables_hash_bucket_size', 64),
    variables_hash_max_size: accepted('variables_hash_max_size', 1024),
    server_names_hash_bucket_size: accepted('server_names_hash_bucket_size', 64),
    server_names_hash_max_size: accepted('server_names_hash_max_size', 512),
  },
  variables: {
    ...coreVariables,
    ...connectionVariables,
    ...(captureVariables as RequestVariables),
  },
  prefixes: corePrefixes,
})

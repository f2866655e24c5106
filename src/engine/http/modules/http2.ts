/**
 * HTTP/2 towards clients: where it is spoken, and how much of it at once.
 *
 * With TLS it is agreed on by ALPN; without, a connection that begins with HTTP/2's preface speaks it, and
 * any other speaks HTTP/1.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import type { CompileSession } from '../../core/compile-session.ts'
import type { Row, ValueType } from '../../core/module.ts'
import type { Scope } from '../../core/scope.ts'
import { count, flag, present, size } from '../../modules/value-types.ts'
import { defineHttpModule, type HttpModule, type RequestVariables } from '../module.ts'

const obsolete = {
  http2_idle_timeout: 'use the "keepalive_timeout" directive instead',
  http2_recv_timeout: 'use the "client_header_timeout" directive instead',
  http2_max_field_size: 'use the "large_client_header_buffers" directive instead',
  http2_max_header_size: 'use the "large_client_header_buffers" directive instead',
  http2_max_requests: 'use the "keepalive_requests" directive instead',
  http2_push: 'ignored',
  http2_push_preload: 'ignored',
  http2_max_concurrent_pushes: 'ignored',
} as const

type Obsolete = { readonly [Name in keyof typeof obsolete]: boolean }

export interface Http2Conf extends Obsolete {
  readonly http2: boolean
  readonly http2_max_concurrent_streams: number
  readonly http2_body_preread_size: number
  readonly http2_chunk_size: number
  readonly http2_recv_buffer_size: number
  readonly http2_pool_size: number
  readonly http2_streams_index_size: number
}

const everywhere = ['http', 'http.server', 'http.location'] as const
const perServer = ['http', 'http.server'] as const

/** What every stream may send before anybody reads it: nginx's default. */
const prereadBytesDefault = 64 * 1024
const windowBytesMax = 2 ** 31 - 1
/** nginx asks for more than twice what it keeps of a frame that is cut. */
const receiveBytesMin = 33
/** Smallest pool of nginx, on the platforms that it knows. */
const poolBytesMin = 112

const preread: ValueType<number> = {
  describe: 'size',
  parse: (args, env) => {
    const bytes = size.parse(args, env)
    if (bytes > windowBytesMax) {
      throw new ConfError('the maximum body preread buffer size is 2147483647')
    }
    return bytes
  },
}

const chunkBytes: ValueType<number> = {
  describe: 'size',
  parse: (args, env) => {
    const bytes = size.parse(args, env)
    if (bytes === 0) throw new ConfError('the http2 chunk size cannot be zero')
    return bytes
  },
}

const receiveBytes: ValueType<number> = {
  describe: 'size',
  parse: (args, env) => {
    const bytes = size.parse(args, env)
    if (bytes < receiveBytesMin)
      throw new ConfError(`"${env.node.name}" directive value is too small`)
    return bytes
  },
}

const poolBytes: ValueType<number> = {
  describe: 'size',
  parse: (args, env) => {
    const bytes = size.parse(args, env)
    if (bytes < poolBytesMin)
      throw new ConfError(`the pool size must be no less than ${poolBytesMin}`)
    if (bytes % 16 !== 0) throw new ConfError('the pool size must be a multiple of 16')
    return bytes
  },
}

const powerOfTwo: ValueType<number> = {
  describe: 'number',
  parse: (args, env) => {
    const value = count.parse(args, env)
    if ((value & (value - 1)) !== 0) {
      throw new ConfError(`"${env.node.name}" directive must be a power of two`)
    }
    return value
  },
}

function obsoleteRow(name: keyof Obsolete): Row<boolean> {
  return {
    contexts: name === 'http2_push' || name === 'http2_push_preload' ? everywhere : perServer,
    args: [1, 1],
    syntax: `${name} value`,
    value: present,
    default: false,
    doc: `Obsolete: ${obsolete[name]}.`,
  }
}

const names = Object.keys(obsolete) as readonly (keyof Obsolete)[]
const obsoleteRows = Object.fromEntries(names.map((name) => [name, obsoleteRow(name)])) as {
  readonly [Name in keyof Obsolete]: Row<boolean>
}

/** What stands in this very block is warned of, as the block is compiled. */
function warnOfObsolete(scope: Scope, session: CompileSession): void {
  for (const name of names) {
    for (const node of scope.own(name)) {
      session.warn(`the "${name}" directive is obsolete, ${obsolete[name]}`, node)
    }
  }
}

export const httpHttp2: HttpModule<Http2Conf> = defineHttpModule<Http2Conf>({
  id: 'http.http2',
  loadNames: ['http_v2_module'],
  directives: {
    ...obsoleteRows,
    http2: {
      contexts: perServer,
      args: [1, 1],
      syntax: 'http2 on | off',
      value: flag,
      default: false,
      doc: 'Lets clients speak HTTP/2.',
    },
    http2_max_concurrent_streams: {
      contexts: perServer,
      args: [1, 1],
      syntax: 'http2_max_concurrent_streams number',
      value: count,
      default: 128,
      doc: 'Sets how many requests a connection may have under way.',
    },
    http2_body_preread_size: {
      contexts: perServer,
      args: [1, 1],
      syntax: 'http2_body_preread_size size',
      value: preread,
      default: prereadBytesDefault,
      doc: 'Sets how much of a body is taken before anybody reads it.',
    },
    http2_chunk_size: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'http2_chunk_size size',
      value: chunkBytes,
      default: 8192,
      doc: 'Sets how much of a body is sent before other streams have their turn.',
    },
    http2_recv_buffer_size: {
      contexts: ['http'],
      args: [1, 1],
      syntax: 'http2_recv_buffer_size size',
      value: receiveBytes,
      default: 256 * 1024,
      doc: 'Accepted: reads are as large as for any connection.',
    },
    http2_pool_size: {
      contexts: perServer,
      args: [1, 1],
      syntax: 'http2_pool_size size',
      value: poolBytes,
      default: 4096,
      doc: 'Accepted: requests need no pool of memory.',
    },
    http2_streams_index_size: {
      contexts: perServer,
      args: [1, 1],
      syntax: 'http2_streams_index_size number',
      value: powerOfTwo,
      default: 32,
      doc: 'Accepted: the table of streams sizes itself.',
    },
  },
  variables: {
    http2: {
      get: ({ carrier, connection }) =>
        carrier.protocol === 'HTTP/2.0' ? (connection.secure ? 'h2' : 'h2c') : '',
      doc: '"h2" over TLS, "h2c" without, empty for other protocols.',
    },
  } satisfies RequestVariables,
  check: warnOfObsolete,
})

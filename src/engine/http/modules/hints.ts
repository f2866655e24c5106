/**
 * Directives that tune what works in another way here: they are checked as nginx checks them, and say in
 * their lines what is done without them.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import type { Context, Row, ValueType } from '../../core/module.ts'
import { count, flag, offset, size } from '../../modules/value-types.ts'
import { type LargeBuffers, largeBuffers } from '../core-values.ts'
import { defineHttpModule, type HttpModule } from '../module.ts'

export interface HttpHintsConf {
  readonly aio: string
  readonly aio_write: boolean
  readonly directio: number
  readonly directio_alignment: number
  readonly read_ahead: number
  readonly output_buffers: LargeBuffers
  readonly postpone_output: number
  readonly send_lowat: number
  readonly sendfile_max_chunk: number
  readonly subrequest_output_buffer_size: number
  readonly connection_pool_size: number
  readonly request_pool_size: number
  readonly types_hash_bucket_size: number
  readonly types_hash_max_size: number
}

const everywhere: readonly Context[] = ['http', 'http.server', 'http.location']
const perServer: readonly Context[] = ['http', 'http.server']

const aio: ValueType<string> = {
  describe: 'on | off | threads[=pool]',
  parse: ([text = ''], { node }) => {
    if (/^(?:on|off|threads(?:=.+)?)$/.test(text)) return text
    throw new ConfError(`"${node.name}" directive invalid value`)
  },
}

const sizeOrOff: ValueType<number> = {
  describe: 'size | off',
  parse: (args, env) => (args[0] === 'off' ? Infinity : offset.parse(args, env)),
}

function hint<T>(
  syntax: string,
  value: ValueType<T>,
  fallback: T,
  options: { readonly doc: string; readonly contexts?: readonly Context[] },
): Row<T> {
  const arity = syntax.split(' ').length - 1
  return {
    contexts: options.contexts ?? everywhere,
    args: [arity, arity],
    syntax,
    value,
    default: fallback,
    doc: `Accepted: ${options.doc}.`,
  }
}

const files = 'files come from the page cache, in pieces between which others have their turn'
const output = 'all output of a turn of the event loop leaves at once'
const memory = 'memory is taken as it is needed'
const tables = 'tables size themselves'

export const httpHints: HttpModule<HttpHintsConf> = defineHttpModule<HttpHintsConf>({
  id: 'http.hints',
  directives: {
    aio: {
      ...hint('aio mode', aio, 'off', { doc: files }),
      syntax: 'aio on | off | threads[=pool]',
    },
    aio_write: {
      ...hint('aio_write flag', flag, false, { doc: files }),
      syntax: 'aio_write on | off',
    },
    directio: {
      ...hint('directio size', sizeOrOff, Infinity, { doc: files }),
      syntax: 'directio size | off',
    },
    directio_alignment: hint('directio_alignment size', offset, 512, { doc: files }),
    read_ahead: hint('read_ahead size', size, 0, { doc: files }),
    sendfile_max_chunk: hint('sendfile_max_chunk size', size, 2 * 1024 * 1024, { doc: files }),
    output_buffers: hint(
      'output_buffers number size',
      largeBuffers,
      { count: 2, bytes: 32_768 },
      { doc: files },
    ),
    postpone_output: hint('postpone_output size', size, 1460, { doc: output }),
    send_lowat: hint('send_lowat size', size, 0, { doc: output }),
    subrequest_output_buffer_size: hint('subrequest_output_buffer_size size', size, 4096, {
      doc: memory,
    }),
    connection_pool_size: hint('connection_pool_size size', size, 512, {
      doc: memory,
      contexts: perServer,
    }),
    request_pool_size: hint('request_pool_size size', size, 4096, {
      doc: memory,
      contexts: perServer,
    }),
    types_hash_bucket_size: hint('types_hash_bucket_size size', count, 64, { doc: tables }),
    types_hash_max_size: hint('types_hash_max_size size', count, 1024, { doc: tables }),
  },
})

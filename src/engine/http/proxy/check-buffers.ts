/** Sizes of buffers that must fit to one another, as nginx has it. */
import { ConfError } from '../../conf/diagnostics.ts'
import type { CompileSession } from '../../core/compile-session.ts'
import type { Scope } from '../../core/scope.ts'
import type { ProxyConf } from './directives.ts'

type Sizes = Pick<
  ProxyConf,
  | 'proxy_buffers'
  | 'proxy_buffer_size'
  | 'proxy_busy_buffers_size'
  | 'proxy_max_temp_file_size'
  | 'proxy_temp_file_write_size'
>

/** Checks a block as a whole; what is wrong is told of the block's own directive. */
export function checkBuffers(conf: Sizes, scope: Scope, session: CompileSession): void {
  const at = scope.settings.findLast(({ name }) => sizeNames.has(name))
  if (at !== undefined) session.attempt(at, () => check(conf))
}

const sizeNames: ReadonlySet<string> = new Set<keyof Sizes>([
  'proxy_buffers',
  'proxy_buffer_size',
  'proxy_busy_buffers_size',
  'proxy_max_temp_file_size',
  'proxy_temp_file_write_size',
])

function check(conf: Sizes): void {
  const { count, bytes } = conf.proxy_buffers
  const largest = Math.max(conf.proxy_buffer_size, bytes)
  const busy = conf.proxy_busy_buffers_size ?? largest * 2
  const file = conf.proxy_max_temp_file_size
  const written = conf.proxy_temp_file_write_size
  const least =
    'must be equal to or greater than the maximum of the value of "proxy_buffer_size" and one of the "proxy_buffers"'
  if (count < 2) throw new ConfError('there must be at least 2 "proxy_buffers"')
  if (busy < largest) throw new ConfError(`"proxy_busy_buffers_size" ${least}`)
  if (busy > (count - 1) * bytes) {
    throw new ConfError(
      '"proxy_busy_buffers_size" must be less than the size of all "proxy_buffers" minus one buffer',
    )
  }
  if (written !== undefined && written < largest) {
    throw new ConfError(`"proxy_temp_file_write_size" ${least}`)
  }
  if (file !== undefined && file !== 0 && file < largest) {
    throw new ConfError(
      `"proxy_max_temp_file_size" must be equal to zero to disable temporary files usage or ${least}`,
    )
  }
}

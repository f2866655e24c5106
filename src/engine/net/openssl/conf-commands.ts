/** `ssl_conf_command`: OpenSSL's own configuration commands, such as `Options PrioritizeChaCha`. */
import {
  SSL_CONF_FLAG_CERTIFICATE,
  SSL_CONF_FLAG_CLIENT,
  SSL_CONF_FLAG_FILE,
  SSL_CONF_FLAG_SERVER,
  SSL_CONF_FLAG_SHOW_ERRORS,
} from './constants.ts'
import { openssl } from './libssl.ts'
import { type SslContext, SslContextError } from './ssl-context.ts'

const flags =
  SSL_CONF_FLAG_FILE |
  SSL_CONF_FLAG_SERVER |
  SSL_CONF_FLAG_CLIENT |
  SSL_CONF_FLAG_CERTIFICATE |
  SSL_CONF_FLAG_SHOW_ERRORS

export function applyCommands(
  { address }: SslContext,
  commands: readonly (readonly [name: string, value: string])[],
): void {
  if (commands.length === 0) return
  const ssl = openssl()
  const conf = ssl.SSL_CONF_CTX_new()
  try {
    ssl.SSL_CONF_CTX_set_flags(conf, flags)
    ssl.SSL_CONF_CTX_set_ssl_ctx(conf, address)
    for (const [name, value] of commands) {
      if (ssl.SSL_CONF_cmd(conf, name, value) <= 0) {
        throw new SslContextError(`SSL_CONF_cmd("${name}", "${value}")`)
      }
    }
    if (ssl.SSL_CONF_CTX_finish(conf) !== 1) throw new SslContextError('SSL_CONF_finish()')
  } finally {
    ssl.SSL_CONF_CTX_free(conf)
  }
}

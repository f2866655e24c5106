/** Which versions of TLS are spoken, in OpenSSL's terms. */
import {
  SSL_OP_NO_TLSv1,
  SSL_OP_NO_TLSv1_1,
  SSL_OP_NO_TLSv1_2,
  SSL_OP_NO_TLSv1_3,
} from '../openssl/constants.ts'

export type TlsProtocol = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'

/** OpenSSL's switches, by which a list such as `TLSv1 TLSv1.2` has its gap. */
const switches: Readonly<Record<TlsProtocol, number>> = {
  TLSv1: SSL_OP_NO_TLSv1,
  'TLSv1.1': SSL_OP_NO_TLSv1_1,
  'TLSv1.2': SSL_OP_NO_TLSv1_2,
  'TLSv1.3': SSL_OP_NO_TLSv1_3,
}

/** OpenSSL refuses the SHA-1 signatures of TLS 1.0 and 1.1 at any higher level. */
const legacyLevel = '@SECLEVEL=0'

/** The options that switch all others off. */
export function protocolOptions(protocols: readonly TlsProtocol[]): number {
  let bits = 0
  for (const [protocol, bit] of Object.entries(switches)) {
    if (!protocols.includes(protocol as TlsProtocol)) bits |= bit
  }
  return bits
}

/** The ciphers as they are set, at the level of security that the protocols need. */
export function ciphersFor({
  ciphers,
  protocols,
}: {
  readonly ciphers: string
  readonly protocols: readonly TlsProtocol[]
}): string {
  const legacy = protocols.includes('TLSv1') || protocols.includes('TLSv1.1')
  return legacy && !ciphers.includes('@SECLEVEL') ? `${ciphers}:${legacyLevel}` : ciphers
}

/** The certificate that the other side has shown, as it came, and what can be read from it. */
import { X509Certificate } from 'node:crypto'
import { XN_FLAG_RFC2253 } from '../openssl/constants.ts'
import { openssl, type Pointer, textAt } from '../openssl/libssl.ts'

/** Names longer than that are cut; those of a browser's address bar have a hundred. */
const nameBytesMax = 8 * 1024

export class PeerCertificate {
  readonly #der: Buffer
  #x509: X509Certificate | undefined = undefined

  constructor(der: Buffer) {
    this.#der = der
  }

  get x509(): X509Certificate {
    this.#x509 ??= new X509Certificate(this.#der)
    return this.#x509
  }

  /** RFC 2253: the most particular part first. */
  get subject(): string {
    return this.#read((certificate) => printName(openssl().X509_get_subject_name(certificate)))
  }

  get issuer(): string {
    return this.#read((certificate) => printName(openssl().X509_get_issuer_name(certificate)))
  }

  /** As it was before RFC 2253: `/C=…/O=…/CN=…`. */
  get legacySubject(): string {
    return this.#read((certificate) => legacyName(openssl().X509_get_subject_name(certificate)))
  }

  get legacyIssuer(): string {
    return this.#read((certificate) => legacyName(openssl().X509_get_issuer_name(certificate)))
  }

  /** True when it is for that host name or address. */
  isFor(name: string): boolean {
    return this.#read((certificate) => {
      const ssl = openssl()
      const matches =
        ssl.X509_check_host(certificate, name, Buffer.byteLength(name), 0, 0) === 1 ||
        ssl.X509_check_ip_asc(certificate, name, 0) === 1
      ssl.ERR_clear_error()
      return matches
    })
  }

  #read<T>(use: (certificate: Pointer) => T): T {
    const ssl = openssl()
    const { bytes, address } = ssl.scratch
    const { address: slot, bytes: slots } = ssl.results
    this.#der.copy(bytes)
    slots.writeBigUInt64LE(BigInt(address))
    const certificate = ssl.d2i_X509(0, slot, this.#der.length)
    try {
      return use(certificate)
    } finally {
      ssl.X509_free(certificate)
    }
  }
}

function printName(name: Pointer): string {
  const ssl = openssl()
  const bio = ssl.BIO_new(ssl.BIO_s_mem())
  try {
    ssl.X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253)
    const { address, bytes } = ssl.scratch
    const length = ssl.BIO_read(bio, address, nameBytesMax)
    return bytes.toString('utf8', 0, Math.max(length, 0))
  } finally {
    ssl.BIO_free(bio)
  }
}

function legacyName(name: Pointer): string {
  const ssl = openssl()
  return textAt(ssl.X509_NAME_oneline(name, ssl.scratch.address, nameBytesMax))
}

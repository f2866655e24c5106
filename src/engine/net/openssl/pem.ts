/**
 * PEM texts as OpenSSL's objects. Who asks for an object frees it, or gives it to something that does.
 */
import { openssl, type Pointer } from './libssl.ts'
import { takeErrors } from './openssl-error.ts'

/** Certificates of one file: a chain, or the authorities of a bundle; the largest bundles have some 150. */
const certificatesMax = 10_000

/** What a text does not hold, with OpenSSL's reason. */
export class PemError extends Error {
  /** The call that failed, as nginx names it. */
  readonly call: string

  constructor(call: string, reason: string) {
    super(reason)
    this.name = 'PemError'
    this.call = call
  }
}

function withText<T>(text: string, use: (bio: Pointer) => T): T {
  const ssl = openssl()
  const bio = ssl.BIO_new(ssl.BIO_s_mem())
  try {
    const bytes = Buffer.from(text)
    if (bytes.length > 0) ssl.BIO_write(bio, bytes, bytes.length)
    ssl.ERR_clear_error()
    return use(bio)
  } finally {
    ssl.BIO_free(bio)
    // The end of a text is an error, too.
    ssl.ERR_clear_error()
  }
}

/** The certificates of a text, at least one. */
export function readCertificates(text: string): readonly Pointer[] {
  return withText(text, (bio) => {
    const ssl = openssl()
    const first = ssl.PEM_read_bio_X509_AUX(bio, 0, 0, 0)
    if (first === 0) throw new PemError('PEM_read_bio_X509_AUX', takeErrors())
    const found = [first]
    while (found.length < certificatesMax) {
      const next = ssl.PEM_read_bio_X509(bio, 0, 0, 0)
      if (next !== 0) {
        found.push(next)
        continue
      }
      const reason = takeErrors()
      if (reason === '' || reason.includes('no start line')) return found
      for (const certificate of found) ssl.X509_free(certificate)
      throw new PemError('PEM_read_bio_X509', reason)
    }
    return found
  })
}

/** A secret key, opened by one of the passwords where it is locked. */
export function readPrivateKey(text: string, passwords: readonly string[]): Pointer {
  const ssl = openssl()
  let reason = ''
  // Without a text of ours OpenSSL would ask at the terminal.
  for (const password of passwords.length === 0 ? [''] : passwords) {
    const key = withText(text, (bio) => {
      const opened = ssl.PEM_read_bio_PrivateKey(bio, 0, 0, password)
      if (opened === 0) reason = takeErrors()
      return opened
    })
    if (key !== 0) return key
  }
  throw new PemError('PEM_read_bio_PrivateKey', reason)
}

/** Lists of revoked certificates, at least one. */
export function readCrls(text: string): readonly Pointer[] {
  return withText(text, (bio) => {
    const found: Pointer[] = []
    while (found.length < certificatesMax) {
      const crl = openssl().PEM_read_bio_X509_CRL(bio, 0, 0, 0)
      if (crl === 0) break
      found.push(crl)
    }
    return found
  })
}

/** Parameters of Diffie-Hellman. */
export function readDh(text: string): Pointer {
  return withText(text, (bio) => {
    const parameters = openssl().PEM_read_bio_Parameters(bio, 0)
    if (parameters === 0) throw new PemError('PEM_read_bio_DHparams', takeErrors())
    return parameters
  })
}

/**
 * Certificates, keys and lists as nginx's directives name them: a path, or `data:` and the PEM itself.
 *
 * Faults are told in nginx's words, as near as Node lets us see what OpenSSL said.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { ConfError } from '../../conf/diagnostics.ts'
import { fileIdentity } from '../../core/file-dependencies.ts'
import { readProtected } from '../../core/protected-files.ts'
import { errnoText } from '../errors.ts'

const inlinePrefix = 'data:'

export interface TlsCertificate {
  /** Chain in PEM, leaf first. */
  readonly certificate: string
  readonly key: string
}

/** A key that fits, and the password that opens it. */
export interface OpenedKey {
  readonly pem: string
  readonly passphrase: string | undefined
}

/** How messages name a source: secrets that stand in the configuration itself are not repeated. */
export function sourceName(source: string): string {
  return source.startsWith(inlinePrefix) ? `${inlinePrefix}...` : source
}

/** Equal for equal content, without reading a file. */
export function contentIdentity(source: string): string {
  return source.startsWith(inlinePrefix) ? source : fileIdentity(source)
}

export function readCertificate(source: string): string {
  const what = `cannot load certificate "${sourceName(source)}"`
  const pem = read(source, `${what}: BIO_new_file()`)
  try {
    // Only the first is looked at here; the rest of a chain is checked when the context takes it.
    void new X509Certificate(pem)
    return pem
  } catch (error) {
    throw new ConfError(`${what}: PEM_read_bio_X509_AUX() failed (SSL: ${opensslText(error)})`)
  }
}

export function readKey(source: string, passwords: readonly string[]): OpenedKey {
  const what = `cannot load certificate key "${sourceName(source)}"`
  if (source.startsWith('engine:')) throw new ConfError(`${what}: engines are not supported`)
  const pem = read(source, `${what}: BIO_new_file()`)
  let fault: unknown
  for (const passphrase of [undefined, ...passwords]) {
    try {
      createPrivateKey(passphrase === undefined ? { key: pem } : { key: pem, passphrase })
      return { pem, passphrase }
    } catch (error) {
      fault = error
    }
  }
  throw new ConfError(`${what}: PEM_read_bio_PrivateKey() failed (SSL: ${opensslText(fault)})`)
}

/** Certificates of authorities; a file without one is a fault here, while OpenSSL would trust nobody. */
export function readAuthorities(source: string): string {
  const what = `SSL_CTX_load_verify_locations("${sourceName(source)}")`
  const pem = read(source, what)
  if (/-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/.test(pem)) return pem
  throw new ConfError(
    `${what} failed (SSL: error:05800088:x509 certificate routines::no certificate or crl found)`,
  )
}

export function readRevocations(source: string): string {
  const what = `X509_LOOKUP_load_file("${sourceName(source)}")`
  const pem = read(source, what)
  if (pem.includes('-----BEGIN X509 CRL-----')) return pem
  throw new ConfError(
    `${what} failed (SSL: error:05800088:x509 certificate routines::no certificate or crl found)`,
  )
}

export function readDhParameters(source: string): string {
  const pem = read(source, `BIO_new_file("${sourceName(source)}")`)
  if (pem.includes('-----BEGIN DH PARAMETERS-----')) return pem
  throw new ConfError(
    `PEM_read_bio_DHparams("${sourceName(source)}") failed (SSL: error:0480006C:PEM routines::no start line:Expecting: DH PARAMETERS)`,
  )
}

/** One password a line, tried in turn. */
export function readPasswords(source: string): readonly string[] {
  try {
    return readProtected(source)
      .split('\n')
      .filter((line) => line !== '')
  } catch (error) {
    const text = errnoText(error as NodeJS.ErrnoException)
    throw new ConfError(`open() "${source}" failed (${text})`)
  }
}

/** What OpenSSL said, as Node passes it on: `error:0480006C:PEM routines::no start line`. */
export function opensslText(error: unknown): string {
  const { message } = error as Error
  return message.replaceAll(/[\r\n]+/g, ' ').trim()
}

function read(source: string, call: string): string {
  if (source.startsWith(inlinePrefix)) return source.slice(inlinePrefix.length)
  try {
    return readProtected(source)
  } catch (error) {
    const { code, errno } = error as NodeJS.ErrnoException
    const reason = errnoText(error as NodeJS.ErrnoException).replace(/^\d+: /, '')
    const number = (0x80000000 + Math.abs(errno ?? 0)).toString(16).toUpperCase()
    const tail = code === 'ENOENT' ? ' error:10000080:BIO routines::no such file' : ''
    throw new ConfError(
      `${call} failed (SSL: error:${number}:system library::${reason}:calling fopen(${source}, r)${tail})`,
    )
  }
}

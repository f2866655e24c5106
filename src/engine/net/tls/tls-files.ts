/**
 * Certificates, keys and lists as nginx's directives name them: a path, or `data:` and the PEM itself.
 *
 * Faults are told in nginx's words.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import { fileIdentity } from '../../core/file-dependencies.ts'
import { readProtected, readProtectedBytes } from '../../core/protected-files.ts'
import { errnoText } from '../errors.ts'
import type { Pointer } from '../openssl/libssl.ts'
import { type TicketKey, toTicketKey } from '../openssl/ticket-keys.ts'
import { PemError, readCertificates, readCrls, readDh, readPrivateKey } from '../openssl/pem.ts'

const inlinePrefix = 'data:'

export interface TlsCertificate {
  /** Chain in PEM, leaf first. */
  readonly certificate: string
  readonly key: string
}

/** How messages name a source: secrets that stand in the configuration itself are not repeated. */
export function sourceName(source: string): string {
  return source.startsWith(inlinePrefix) ? `${inlinePrefix}...` : source
}

/** Equal for equal content, without reading a file. */
export function contentIdentity(source: string): string {
  return source.startsWith(inlinePrefix) ? source : fileIdentity(source)
}

/** What is sent of a chain in one piece has room in OpenSSL's output, which cannot grow. */
const chainTextMax = 512 * 1024

/** A chain, leaf first. */
export function loadCertificates(source: string): readonly Pointer[] {
  const what = `cannot load certificate "${sourceName(source)}"`
  const text = readSource(source, `${what}: BIO_new_file()`)
  if (text.length > chainTextMax) throw new ConfError(`${what}: more than ${chainTextMax} bytes`)
  return inWordsOf(what, () => readCertificates(text))
}

export function loadKey(source: string, passwords: readonly string[]): Pointer {
  const what = `cannot load certificate key "${sourceName(source)}"`
  if (source.startsWith('engine:')) throw new ConfError(`${what}: engines are not supported`)
  const text = readSource(source, `${what}: BIO_new_file()`)
  return inWordsOf(what, () => readPrivateKey(text, passwords))
}

/** Certificates of authorities; a file without one is a fault, while OpenSSL would trust nobody. */
export function loadAuthorities(source: string): readonly Pointer[] {
  const what = `SSL_CTX_load_verify_locations("${sourceName(source)}")`
  const text = readSource(source, what, ' error:05880002:x509 certificate routines::system lib')
  try {
    return readCertificates(text)
  } catch {
    throw new ConfError(`${what} failed (SSL: ${noCertificateFound})`)
  }
}

export function loadRevocations(source: string): readonly Pointer[] {
  const what = `X509_LOOKUP_load_file("${sourceName(source)}")`
  const lists = readCrls(readSource(source, what))
  if (lists.length > 0) return lists
  throw new ConfError(`${what} failed (SSL: ${noCertificateFound})`)
}

const noCertificateFound = 'error:05800088:x509 certificate routines::no certificate or crl found'

export function loadDhParameters(source: string): Pointer {
  const text = readSource(source, `BIO_new_file("${sourceName(source)}")`)
  if (text.includes('-----BEGIN DH PARAMETERS-----')) return readDh(text)
  throw new ConfError(
    `PEM_read_bio_DHparams("${sourceName(source)}") failed (SSL: error:0480006C:PEM routines::no start line:Expecting: DH PARAMETERS)`,
  )
}

function inWordsOf<T>(what: string, load: () => T): T {
  try {
    return load()
  } catch (error) {
    if (!(error instanceof PemError)) throw error
    throw new ConfError(`${what}: ${error.call}() failed (SSL: ${error.message})`)
  }
}

/** 48 bytes for AES-128, 80 for AES-256. */
export function loadTicketKey(path: string): TicketKey {
  const bytes = readBytes(path)
  const key = toTicketKey(bytes)
  if (key !== undefined) return key
  throw new ConfError(`"${path}" must be 48 or 80 bytes`)
}

function readBytes(path: string): Buffer {
  try {
    return readProtectedBytes(path)
  } catch (error) {
    const text = errnoText(error as NodeJS.ErrnoException)
    throw new ConfError(`open() "${path}" failed (${text})`)
  }
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

/** `more` is what OpenSSL adds where another of its parts has called. */
function readSource(source: string, call: string, more = ''): string {
  if (source.startsWith(inlinePrefix)) return source.slice(inlinePrefix.length)
  try {
    return readProtected(source)
  } catch (error) {
    const { code, errno } = error as NodeJS.ErrnoException
    const reason = errnoText(error as NodeJS.ErrnoException).replace(/^\d+: /, '')
    const number = (0x80000000 + Math.abs(errno ?? 0)).toString(16).toUpperCase()
    const tail = code === 'ENOENT' ? ' error:10000080:BIO routines::no such file' : ''
    throw new ConfError(
      `${call} failed (SSL: error:${number}:system library::${reason}:calling fopen(${source}, r)${tail}${more})`,
    )
  }
}

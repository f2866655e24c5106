/** `ssl_stapling` of one context: which certificate is asked about where. */
import { ConfError } from '../../conf/diagnostics.ts'
import { readProtectedBytes } from '../../core/protected-files.ts'
import { errnoText } from '../errors.ts'
import type { Pointer } from '../openssl/libssl.ts'
import { isIssuedBy, responderOf } from '../openssl/ocsp.ts'
import { Staple, type StatusSource } from './stapling.ts'

export interface StaplingOptions {
  /** An answer in DER that is there already. */
  readonly file: string | undefined
  readonly responder: string | undefined
  readonly verify: boolean
}

export interface StaplingInput {
  readonly options: StaplingOptions
  /** Chains by name, leaf first. */
  readonly chains: ReadonlyMap<string, readonly Pointer[]>
  readonly authorities: readonly Pointer[]
  readonly store: Pointer
  readonly warn: (text: string) => void
  readonly onFault: (text: string) => void
}

/** Sources by leaf; a certificate that cannot be asked about is left out with a warning. */
export function buildStapling(input: StaplingInput): ReadonlyMap<Pointer, StatusSource> {
  const sources = new Map<Pointer, StatusSource>()
  const { file } = input.options
  const fixed = file === undefined ? undefined : readStatus(file)
  for (const [name, chain] of input.chains) {
    const source = fixed === undefined ? stapleOf(name, chain, input) : { status: () => fixed }
    if (source !== undefined) sources.set(chain[0]!, source)
  }
  return sources
}

function stapleOf(
  name: string,
  [certificate = 0, ...chain]: readonly Pointer[],
  { options, authorities, store, warn, onFault }: StaplingInput,
): StatusSource | undefined {
  const issuer = [...chain, ...authorities].find((each) => isIssuedBy(certificate, each))
  if (issuer === undefined) {
    warn(`"ssl_stapling" ignored, issuer certificate not found for certificate "${name}"`)
    return undefined
  }
  const url = options.responder ?? responderOf(certificate)
  if (url === undefined) {
    warn(`"ssl_stapling" ignored, no OCSP responder URL in the certificate "${name}"`)
    return undefined
  }
  if (!/^http:\/\/./i.test(url)) {
    warn(
      `"ssl_stapling" ignored, invalid URL prefix in OCSP responder "${url}" in the certificate "${name}"`,
    )
    return undefined
  }
  const trust = { store, verify: options.verify }
  return new Staple({ subject: { certificate, issuer }, trust, url, onFault })
}

function readStatus(path: string): Buffer {
  try {
    return readProtectedBytes(path)
  } catch (error) {
    const reason = errnoText(error as NodeJS.ErrnoException)
    throw new ConfError(`BIO_new_file("${path}") failed (${reason})`)
  }
}

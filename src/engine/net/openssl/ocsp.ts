/** Questions and answers of OCSP (RFC 6960), as bytes: who carries them is another's matter. */
import { openssl, type OpenSsl, type Pointer, textAt } from './libssl.ts'
import { pointerIn, takeErrors } from './openssl-error.ts'

/** A certificate and who signed it, which live as long as their context. */
export interface Subject {
  readonly certificate: Pointer
  readonly issuer: Pointer
}

/** Who may have signed an answer. */
export interface Trust {
  readonly store: Pointer
  /** False takes any answer that is for the certificate. */
  readonly verify: boolean
}

const trustOther = 0x200
const noVerify = 0x10
const successful = 0
const good = 0
/** Clocks may differ by five minutes, as in nginx. */
const skewSeconds = 300
const responseBytesMax: number = 64 * 1024

const statusNames = ['good', 'revoked', 'unknown'] as const

/** The first address that a certificate names for questions about it. */
export function responderOf(certificate: Pointer): string | undefined {
  const ssl = openssl()
  const list = ssl.X509_get1_ocsp(certificate)
  if (list === 0) return undefined
  const url = ssl.OPENSSL_sk_num(list) > 0 ? textAt(ssl.OPENSSL_sk_value(list, 0)) : undefined
  ssl.X509_email_free(list)
  return url
}

export function isIssuedBy(certificate: Pointer, issuer: Pointer): boolean {
  return openssl().X509_check_issued(issuer, certificate) === 0
}

/** The question, in DER. */
export function ocspRequest({ certificate, issuer }: Subject): Buffer {
  const ssl = openssl()
  const request = ssl.OCSP_REQUEST_new()
  try {
    ssl.OCSP_request_add0_id(request, ssl.OCSP_cert_to_id(0, certificate, issuer))
    const { address, bytes } = ssl.results
    bytes.writeBigUInt64LE(BigInt(ssl.scratch.address))
    const length = ssl.i2d_OCSP_REQUEST(request, address)
    return Buffer.from(ssl.scratch.bytes.subarray(0, Math.max(length, 0)))
  } finally {
    ssl.OCSP_REQUEST_free(request)
  }
}

/** Why an answer is of no use; `undefined` when it says that the certificate is good. */
export function ocspFault(response: Buffer, subject: Subject, trust: Trust): string | undefined {
  if (response.length === 0 || response.length > responseBytesMax)
    return 'OCSP response is too large'
  const ssl = openssl()
  response.copy(ssl.scratch.bytes)
  ssl.results.bytes.writeBigUInt64LE(BigInt(ssl.scratch.address))
  const parsed = ssl.d2i_OCSP_RESPONSE(0, ssl.results.address, response.length)
  if (parsed === 0) return `d2i_OCSP_RESPONSE() failed (SSL: ${takeErrors()})`
  try {
    const status = ssl.OCSP_response_status(parsed)
    if (status !== successful) return `OCSP response not successful (${status})`
    const basic = ssl.OCSP_response_get1_basic(parsed)
    if (basic === 0) return `OCSP_response_get1_basic() failed (SSL: ${takeErrors()})`
    const fault = basicFault(ssl, basic, { subject, trust })
    ssl.OCSP_BASICRESP_free(basic)
    return fault
  } finally {
    ssl.OCSP_RESPONSE_free(parsed)
  }
}

function basicFault(
  ssl: OpenSsl,
  basic: Pointer,
  { subject, trust }: { readonly subject: Subject; readonly trust: Trust },
): string | undefined {
  const chain = ssl.OPENSSL_sk_new_null()
  ssl.OPENSSL_sk_push(chain, subject.issuer)
  const flags = trust.verify ? trustOther : noVerify
  const verified = ssl.OCSP_basic_verify(basic, chain, trust.store, flags)
  ssl.OPENSSL_sk_free(chain)
  if (verified !== 1) return `OCSP_basic_verify() failed (SSL: ${takeErrors()})`
  const id = ssl.OCSP_cert_to_id(0, subject.certificate, subject.issuer)
  try {
    return statusFault(ssl, basic, id)
  } finally {
    ssl.OCSP_CERTID_free(id)
  }
}

function statusFault(ssl: OpenSsl, basic: Pointer, id: Pointer): string | undefined {
  const { address, bytes, i32 } = ssl.results
  const found = ssl.OCSP_resp_find_status(basic, id, address, 0, 0, address + 8, address + 16)
  if (found !== 1) return 'certificate status not found in the OCSP response'
  const status = i32[0]!
  if (status !== good) {
    return `certificate status "${statusNames[status] ?? 'unknown'}" in the OCSP response`
  }
  const [thisUpdate, nextUpdate] = [pointerIn(bytes, 8), pointerIn(bytes, 16)]
  if (ssl.OCSP_check_validity(thisUpdate, nextUpdate, skewSeconds, -1) === 1) return undefined
  return `OCSP_check_validity() failed (SSL: ${takeErrors()})`
}

/**
 * OpenSSL's functions as Node's own binary exports them, bound through koffi once per process.
 *
 * Node's `tls` module stands between OpenSSL and whoever uses it with streams, callbacks and copies that
 * cost as much as the cipher; it also hides most of what a server's configuration can say (chains per key
 * type, stapling, shared sessions, keys of tickets). Called directly, TLS costs what it costs in nginx.
 *
 * Addresses are plain numbers, as in `ffi/libc.ts`. No call blocks: connections stand on memory.
 */
import type { Region } from '../ffi/arena.ts'
import { type Koffi, requireSystem } from '../ffi/libc.ts'

/** An address of OpenSSL's or within an arena; 0 is NULL. */
export type Pointer = number

/** What koffi gives for a function that OpenSSL may call. */
export type Callback = ReturnType<Koffi['register']>

/** Prototypes by the names that are used here; `%` stands for an address in an arena. */
const prototypes = {
  // Errors.
  ERR_clear_error: 'void ERR_clear_error()',
  ERR_get_error_all:
    'uint64_t ERR_get_error_all(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t)',
  ERR_peek_error: 'uint64_t ERR_peek_error()',
  ERR_error_string_n: 'void ERR_error_string_n(uint64_t, uintptr_t, uintptr_t)',

  // Memory.
  memcpy: 'uintptr_t memcpy(uintptr_t, uintptr_t, uintptr_t)',
  CRYPTO_malloc: 'uintptr_t CRYPTO_malloc(uintptr_t, const char *, int)',
  BIO_s_mem: 'uintptr_t BIO_s_mem()',
  BIO_new: 'uintptr_t BIO_new(uintptr_t)',
  BIO_up_ref: 'int BIO_up_ref(uintptr_t)',
  BIO_free: 'int BIO_free(uintptr_t)',
  BIO_ctrl: 'int64_t BIO_ctrl(uintptr_t, int, int64_t, uintptr_t)',
  BIO_set_flags: 'void BIO_set_flags(uintptr_t, int)',
  BIO_get_data: 'uintptr_t BIO_get_data(uintptr_t)',
  BIO_read: 'int BIO_read(uintptr_t, uintptr_t, int)',
  BIO_write: 'int BIO_write(uintptr_t, const void *, int)',

  // Contexts.
  TLS_method: 'uintptr_t TLS_method()',
  SSL_CTX_new: 'uintptr_t SSL_CTX_new(uintptr_t)',
  SSL_CTX_free: 'void SSL_CTX_free(uintptr_t)',
  SSL_CTX_ctrl: 'int64_t SSL_CTX_ctrl(uintptr_t, int, int64_t, uintptr_t)',
  SSL_CTX_ctrlText: 'int64_t SSL_CTX_ctrl(uintptr_t, int, int64_t, const char *)',
  SSL_CTX_callback_ctrl: 'int64_t SSL_CTX_callback_ctrl(uintptr_t, int, void *)',
  SSL_CTX_set_options: 'uint64_t SSL_CTX_set_options(uintptr_t, uint64_t)',
  SSL_CTX_set_cipher_list: 'int SSL_CTX_set_cipher_list(uintptr_t, const char *)',
  SSL_CTX_set_timeout: 'int64_t SSL_CTX_set_timeout(uintptr_t, int64_t)',
  SSL_CTX_set_session_id_context:
    'int SSL_CTX_set_session_id_context(uintptr_t, const void *, uint32_t)',
  SSL_CTX_use_certificate: 'int SSL_CTX_use_certificate(uintptr_t, uintptr_t)',
  SSL_CTX_use_PrivateKey: 'int SSL_CTX_use_PrivateKey(uintptr_t, uintptr_t)',
  SSL_CTX_check_private_key: 'int SSL_CTX_check_private_key(uintptr_t)',
  SSL_CTX_set0_tmp_dh_pkey: 'int SSL_CTX_set0_tmp_dh_pkey(uintptr_t, uintptr_t)',
  SSL_CTX_get_cert_store: 'uintptr_t SSL_CTX_get_cert_store(uintptr_t)',
  SSL_CTX_set_client_CA_list: 'void SSL_CTX_set_client_CA_list(uintptr_t, uintptr_t)',
  SSL_CTX_set_alpn_select_cb: 'void SSL_CTX_set_alpn_select_cb(uintptr_t, void *, uintptr_t)',
  SSL_CTX_sess_set_new_cb: 'void SSL_CTX_sess_set_new_cb(uintptr_t, void *)',
  SSL_CTX_sess_set_get_cb: 'void SSL_CTX_sess_set_get_cb(uintptr_t, void *)',
  SSL_CTX_sess_set_remove_cb: 'void SSL_CTX_sess_set_remove_cb(uintptr_t, void *)',
  SSL_CTX_set_max_early_data: 'int SSL_CTX_set_max_early_data(uintptr_t, uint32_t)',
  SSL_CONF_CTX_new: 'uintptr_t SSL_CONF_CTX_new()',
  SSL_CONF_CTX_free: 'void SSL_CONF_CTX_free(uintptr_t)',
  SSL_CONF_CTX_set_flags: 'uint32_t SSL_CONF_CTX_set_flags(uintptr_t, uint32_t)',
  SSL_CONF_CTX_set_ssl_ctx: 'void SSL_CONF_CTX_set_ssl_ctx(uintptr_t, uintptr_t)',
  SSL_CONF_CTX_finish: 'int SSL_CONF_CTX_finish(uintptr_t)',
  SSL_CONF_cmd_value_type: 'int SSL_CONF_cmd_value_type(uintptr_t, const char *)',
  SSL_CONF_cmd: 'int SSL_CONF_cmd(uintptr_t, const char *, const char *)',

  // Connections.
  SSL_new: 'uintptr_t SSL_new(uintptr_t)',
  SSL_free: 'void SSL_free(uintptr_t)',
  SSL_set_bio: 'void SSL_set_bio(uintptr_t, uintptr_t, uintptr_t)',
  SSL_set_accept_state: 'void SSL_set_accept_state(uintptr_t)',
  SSL_set_connect_state: 'void SSL_set_connect_state(uintptr_t)',
  SSL_set_verify: 'void SSL_set_verify(uintptr_t, int, void *)',
  SSL_set_verify_depth: 'void SSL_set_verify_depth(uintptr_t, int)',
  SSL_ctrl: 'int64_t SSL_ctrl(uintptr_t, int, int64_t, uintptr_t)',
  SSL_ctrlText: 'int64_t SSL_ctrl(uintptr_t, int, int64_t, const char *)',
  SSL_set_alpn_protos: 'int SSL_set_alpn_protos(uintptr_t, const void *, uint32_t)',
  SSL_do_handshake: 'int SSL_do_handshake(uintptr_t)',
  SSL_read: 'int SSL_read(uintptr_t, %, int)',
  SSL_write: 'int SSL_write(uintptr_t, %, int)',
  SSL_writeBuffer: 'int SSL_write(uintptr_t, const void *, int)',
  SSL_read_early_data: 'int SSL_read_early_data(uintptr_t, uintptr_t, uintptr_t, uintptr_t)',
  SSL_write_early_data: 'int SSL_write_early_data(uintptr_t, const void *, uintptr_t, uintptr_t)',
  SSL_get_early_data_status: 'int SSL_get_early_data_status(uintptr_t)',
  SSL_is_init_finished: 'int SSL_is_init_finished(uintptr_t)',
  SSL_shutdown: 'int SSL_shutdown(uintptr_t)',
  SSL_get_error: 'int SSL_get_error(uintptr_t, int)',
  SSL_has_pending: 'int SSL_has_pending(uintptr_t)',
  SSL_get_version: 'const char *SSL_get_version(uintptr_t)',
  SSL_get_current_cipher: 'uintptr_t SSL_get_current_cipher(uintptr_t)',
  SSL_CIPHER_get_name: 'const char *SSL_CIPHER_get_name(uintptr_t)',
  SSL_CIPHER_find: 'uintptr_t SSL_CIPHER_find(uintptr_t, const void *)',
  SSL_session_reused: 'int SSL_session_reused(uintptr_t)',
  SSL_get0_alpn_selected: 'void SSL_get0_alpn_selected(uintptr_t, uintptr_t, uintptr_t)',
  SSL_get_verify_result: 'int64_t SSL_get_verify_result(uintptr_t)',
  SSL_get1_peer_certificate: 'uintptr_t SSL_get1_peer_certificate(uintptr_t)',
  SSL_get_certificate: 'uintptr_t SSL_get_certificate(uintptr_t)',
  SSL_group_to_name: 'const char *SSL_group_to_name(uintptr_t, int)',

  // Sessions.
  SSL_get_session: 'uintptr_t SSL_get_session(uintptr_t)',
  SSL_set_session: 'int SSL_set_session(uintptr_t, uintptr_t)',
  SSL_SESSION_get_id: 'uintptr_t SSL_SESSION_get_id(uintptr_t, uintptr_t)',
  SSL_SESSION_free: 'void SSL_SESSION_free(uintptr_t)',
  i2d_SSL_SESSION: 'int i2d_SSL_SESSION(uintptr_t, uintptr_t)',
  d2i_SSL_SESSION: 'uintptr_t d2i_SSL_SESSION(uintptr_t, uintptr_t, int64_t)',

  // Certificates and keys.
  PEM_read_bio_X509_AUX:
    'uintptr_t PEM_read_bio_X509_AUX(uintptr_t, uintptr_t, uintptr_t, uintptr_t)',
  PEM_read_bio_X509: 'uintptr_t PEM_read_bio_X509(uintptr_t, uintptr_t, uintptr_t, uintptr_t)',
  PEM_read_bio_X509_CRL:
    'uintptr_t PEM_read_bio_X509_CRL(uintptr_t, uintptr_t, uintptr_t, uintptr_t)',
  PEM_read_bio_PrivateKey:
    'uintptr_t PEM_read_bio_PrivateKey(uintptr_t, uintptr_t, uintptr_t, const char *)',
  PEM_read_bio_Parameters: 'uintptr_t PEM_read_bio_Parameters(uintptr_t, uintptr_t)',
  EVP_PKEY_free: 'void EVP_PKEY_free(uintptr_t)',
  X509_free: 'void X509_free(uintptr_t)',
  X509_CRL_free: 'void X509_CRL_free(uintptr_t)',
  X509_STORE_add_cert: 'int X509_STORE_add_cert(uintptr_t, uintptr_t)',
  X509_STORE_add_crl: 'int X509_STORE_add_crl(uintptr_t, uintptr_t)',
  X509_STORE_set_flags: 'int X509_STORE_set_flags(uintptr_t, uint64_t)',
  X509_get_subject_name: 'uintptr_t X509_get_subject_name(uintptr_t)',
  X509_get_issuer_name: 'uintptr_t X509_get_issuer_name(uintptr_t)',
  X509_NAME_dup: 'uintptr_t X509_NAME_dup(uintptr_t)',
  X509_NAME_print_ex: 'int X509_NAME_print_ex(uintptr_t, uintptr_t, int, uint64_t)',
  X509_NAME_oneline: 'uintptr_t X509_NAME_oneline(uintptr_t, uintptr_t, int)',
  X509_check_host: 'int X509_check_host(uintptr_t, const char *, uintptr_t, uint32_t, uintptr_t)',
  X509_check_ip_asc: 'int X509_check_ip_asc(uintptr_t, const char *, uint32_t)',
  X509_verify_cert_error_string: 'const char *X509_verify_cert_error_string(int64_t)',
  i2d_X509: 'int i2d_X509(uintptr_t, uintptr_t)',
  d2i_X509: 'uintptr_t d2i_X509(uintptr_t, uintptr_t, int64_t)',
  OPENSSL_sk_new_null: 'uintptr_t OPENSSL_sk_new_null()',
  OPENSSL_sk_push: 'int OPENSSL_sk_push(uintptr_t, uintptr_t)',

  // OCSP.
  X509_up_ref: 'int X509_up_ref(uintptr_t)',
  X509_check_issued: 'int X509_check_issued(uintptr_t, uintptr_t)',
  X509_get1_ocsp: 'uintptr_t X509_get1_ocsp(uintptr_t)',
  X509_email_free: 'void X509_email_free(uintptr_t)',
  OPENSSL_sk_num: 'int OPENSSL_sk_num(uintptr_t)',
  OPENSSL_sk_value: 'uintptr_t OPENSSL_sk_value(uintptr_t, int)',
  OPENSSL_sk_free: 'void OPENSSL_sk_free(uintptr_t)',
  OCSP_cert_to_id: 'uintptr_t OCSP_cert_to_id(uintptr_t, uintptr_t, uintptr_t)',
  OCSP_CERTID_free: 'void OCSP_CERTID_free(uintptr_t)',
  OCSP_REQUEST_new: 'uintptr_t OCSP_REQUEST_new()',
  OCSP_REQUEST_free: 'void OCSP_REQUEST_free(uintptr_t)',
  OCSP_request_add0_id: 'uintptr_t OCSP_request_add0_id(uintptr_t, uintptr_t)',
  i2d_OCSP_REQUEST: 'int i2d_OCSP_REQUEST(uintptr_t, uintptr_t)',
  d2i_OCSP_RESPONSE: 'uintptr_t d2i_OCSP_RESPONSE(uintptr_t, uintptr_t, int64_t)',
  OCSP_RESPONSE_free: 'void OCSP_RESPONSE_free(uintptr_t)',
  OCSP_response_status: 'int OCSP_response_status(uintptr_t)',
  OCSP_response_get1_basic: 'uintptr_t OCSP_response_get1_basic(uintptr_t)',
  OCSP_BASICRESP_free: 'void OCSP_BASICRESP_free(uintptr_t)',
  OCSP_basic_verify: 'int OCSP_basic_verify(uintptr_t, uintptr_t, uintptr_t, uint64_t)',
  OCSP_resp_find_status:
    'int OCSP_resp_find_status(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t)',
  OCSP_check_validity: 'int OCSP_check_validity(uintptr_t, uintptr_t, int64_t, int64_t)',

  // Keys of tickets.
  EVP_aes_128_cbc: 'uintptr_t EVP_aes_128_cbc()',
  EVP_aes_256_cbc: 'uintptr_t EVP_aes_256_cbc()',
  EVP_sha256: 'uintptr_t EVP_sha256()',
  EVP_EncryptInit_ex:
    'int EVP_EncryptInit_ex(uintptr_t, uintptr_t, uintptr_t, const void *, uintptr_t)',
  EVP_DecryptInit_ex:
    'int EVP_DecryptInit_ex(uintptr_t, uintptr_t, uintptr_t, const void *, uintptr_t)',
  HMAC_Init_ex: 'int HMAC_Init_ex(uintptr_t, const void *, int, uintptr_t, uintptr_t)',
  RAND_bytes: 'int RAND_bytes(uintptr_t, int)',
} as const

type Argument<T extends string> = T extends `${string}const char *`
  ? string
  : T extends `${string}const void *`
    ? Uint8Array
    : T extends `${string}void *`
      ? Callback | null
      : number

type Arguments<T extends string> = T extends ''
  ? []
  : T extends `${infer First}, ${infer Rest}`
    ? [Argument<First>, ...Arguments<Rest>]
    : [Argument<T>]

type Signature<T extends string> = T extends `const char *${string}(${infer A})`
  ? (...args: Arguments<A>) => string | null
  : T extends `void ${string}(${infer A})`
    ? (...args: Arguments<A>) => void
    : T extends `${string}(${infer A})`
      ? (...args: Arguments<A>) => number
      : never

type Libssl = { readonly [Name in keyof typeof prototypes]: Signature<(typeof prototypes)[Name]> }

export interface OpenSsl extends Libssl {
  /** What one call opens, and what calls seal until it is sent. */
  readonly plain: Region
  readonly sealed: Region
  /** What is to be opened, where that lies in no arena. */
  readonly staging: Region
  /** Pointers and lengths that calls leave behind. */
  readonly results: Region
  /** What a call is given in one piece, for that call alone. */
  readonly scratch: Region
  /** On the way between OpenSSL's memory and ours, for one `bytesAt` or `writeAt`. */
  readonly copies: Region
  /** A session while it is taken apart or put together, which happens within other calls. */
  readonly session: Region
  readonly koffi: Koffi
}

/** Largest plain text of one record. */
export const recordBytesMax = 16_384

/** All that one read of a socket can hold, the record that was begun before included. */
const plainBytes: number = 96 * 1024

/**
 * More than anything that is sealed before it is sent: pieces of a body with the overhead of their records, or
 * a handshake with a chain of certificates. Pages that are not used take no memory.
 */
const sealedBytes: number = 1024 * 1024
const resultBytes = 512
const scratchBytes: number = 64 * 1024
const copiesBytes: number = 64 * 1024

/** Two kilobytes are usual with a client's certificate in it; nginx keeps none above four. */
export const sessionBytesMax = 4096

/** This process cannot speak TLS. */
export class OpenSslMissingError extends Error {
  constructor(cause: unknown) {
    super('TLS needs Linux, the koffi package, and a Node with OpenSSL in it', { cause })
    this.name = 'OpenSslMissingError'
  }
}

let known: OpenSsl | undefined

/** The bindings. Throws `OpenSslMissingError`; whoever has a context has them. */
export function openssl(): OpenSsl {
  if (known !== undefined) return known
  try {
    known = bind()
    return known
  } catch (error) {
    throw new OpenSslMissingError(error)
  }
}

function bind(): OpenSsl {
  const { koffi, createArena, pointerType } = requireSystem()
  const library = koffi.load(null)
  const functions: Record<string, unknown> = {}
  for (const [name, prototype] of Object.entries(prototypes)) {
    functions[name] = library.func(prototype.replaceAll('%', pointerType))
  }
  const sizes = [plainBytes, sealedBytes, plainBytes, resultBytes, scratchBytes, copiesBytes]
  const arena = createArena(sizes.reduce((sum, bytes) => sum + bytes, sessionBytesMax))
  return {
    ...(functions as unknown as Libssl),
    plain: arena.take(plainBytes),
    sealed: arena.take(sealedBytes),
    staging: arena.take(plainBytes),
    results: arena.take(resultBytes),
    scratch: arena.take(scratchBytes),
    copies: arena.take(copiesBytes),
    session: arena.take(sessionBytesMax),
    koffi,
  }
}

/** The text at an address that some call gave. */
export function textAt(address: Pointer): string {
  return address === 0 ? '' : (openssl().koffi.decode(BigInt(address), 'char', -1) as string)
}

/** A copy of the bytes at an address, 64 KiB at most. */
export function bytesAt(address: Pointer, length: number): Buffer {
  const { memcpy, copies } = openssl()
  if (length > copiesBytes) throw new RangeError('too many bytes for one copy')
  // Cheaper than a view of foreign memory, which has a life of its own.
  memcpy(copies.address, address, length)
  return Buffer.from(copies.bytes.subarray(0, length))
}

/** Puts bytes where OpenSSL wants them, 64 KiB at most. */
export function writeAt(address: Pointer, bytes: Uint8Array): void {
  const { memcpy, copies } = openssl()
  copies.bytes.set(bytes)
  memcpy(address, copies.address, bytes.length)
}

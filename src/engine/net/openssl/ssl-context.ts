/** A context of OpenSSL's (certificates, rules, callbacks), freed when nothing here refers to it. */
import {
  SSL_CTRL_CHAIN_CERT,
  SSL_CTRL_MODE,
  SSL_CTRL_SET_GROUPS_LIST,
  SSL_CTRL_SET_MAX_PROTO_VERSION,
  SSL_CTRL_SET_MAX_SEND_FRAGMENT,
  SSL_CTRL_SET_MIN_PROTO_VERSION,
  SSL_CTRL_SET_SESS_CACHE_MODE,
  SSL_CTRL_SET_SESS_CACHE_SIZE,
  SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB,
  SSL_CTRL_SET_TLSEXT_TICKET_KEY_CB,
  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER,
  SSL_MODE_NO_AUTO_CHAIN,
  SSL_MODE_RELEASE_BUFFERS,
  SSL_OP_NO_ANTI_REPLAY,
  X509_V_FLAG_CRL_CHECK,
  X509_V_FLAG_CRL_CHECK_ALL,
} from './constants.ts'
import { openssl, type Pointer, recordBytesMax } from './libssl.ts'
import { takeErrors } from './openssl-error.ts'
import { callbacks, type ContextAnswers } from './ssl-callbacks.ts'

/** Connections have a reference of their own, so that a context may go while some are left. */
const gone = new FinalizationRegistry<Pointer>((address) => openssl().SSL_CTX_free(address))

/** A call that OpenSSL refused: what `nginx -t` prints as `<call> failed (SSL: <reason>)`. */
export class SslContextError extends Error {
  constructor(call: string) {
    const reason = takeErrors()
    super(reason === '' ? `${call} failed` : `${call} failed (SSL: ${reason})`)
    this.name = 'SslContextError'
  }
}

export class SslContext {
  readonly address: Pointer
  answers: ContextAnswers = {}
  #tellsSessions = false

  constructor() {
    const ssl = openssl()
    this.address = ssl.SSL_CTX_new(ssl.TLS_method())
    if (this.address === 0) throw new SslContextError('SSL_CTX_new()')
    gone.register(this, this.address)
    const modes =
      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS
    this.control(SSL_CTRL_MODE, modes)
    // What is enabled is said by options alone, which know gaps.
    this.control(SSL_CTRL_SET_MIN_PROTO_VERSION, 0)
    this.control(SSL_CTRL_SET_MAX_PROTO_VERSION, 0)
  }

  control(command: number, value: number): void {
    openssl().SSL_CTX_ctrl(this.address, command, value, 0)
  }

  setOptions(bits: number): void {
    openssl().SSL_CTX_set_options(this.address, bits)
  }

  setCiphers(list: string): void {
    if (openssl().SSL_CTX_set_cipher_list(this.address, list) !== 1) {
      throw new SslContextError(`SSL_CTX_set_cipher_list("${list}")`)
    }
  }

  setCurves(list: string): void {
    if (openssl().SSL_CTX_ctrlText(this.address, SSL_CTRL_SET_GROUPS_LIST, 0, list) !== 1) {
      throw new SslContextError(`SSL_CTX_set1_curves_list("${list}")`)
    }
  }

  setDhParameters(parameters: Pointer, name: string): void {
    if (openssl().SSL_CTX_set0_tmp_dh_pkey(this.address, parameters) !== 1) {
      throw new SslContextError(`SSL_CTX_set0_tmp_dh_pkey("${name}")`)
    }
  }

  setRecordBytes(bytes: number): void {
    this.control(SSL_CTRL_SET_MAX_SEND_FRAGMENT, bytes)
  }

  /** A request that is sent twice by somebody else is not noticed: who answers it must know (RFC 8470). */
  allowEarlyData(): void {
    this.setOptions(SSL_OP_NO_ANTI_REPLAY)
    openssl().SSL_CTX_set_max_early_data(this.address, recordBytesMax)
  }

  /** A chain, leaf first; takes the certificates over. They stay valid as long as the context. */
  useCertificates([leaf = 0, ...chain]: readonly Pointer[], name: string): void {
    const ssl = openssl()
    const taken = ssl.SSL_CTX_use_certificate(this.address, leaf)
    ssl.X509_free(leaf)
    if (taken !== 1) throw new SslContextError(`SSL_CTX_use_certificate("${name}")`)
    for (const certificate of chain) {
      // Belongs to the context of the leaf that was set last.
      ssl.SSL_CTX_ctrl(this.address, SSL_CTRL_CHAIN_CERT, 0, certificate)
    }
  }

  /** The key of the certificate that was set last. */
  usePrivateKey(key: Pointer, name: string): void {
    const ssl = openssl()
    const taken = ssl.SSL_CTX_use_PrivateKey(this.address, key)
    ssl.EVP_PKEY_free(key)
    if (taken !== 1) throw new SslContextError(`SSL_CTX_use_PrivateKey("${name}")`)
    // A key of another kind has a place of its own, and the certificate would be left without any.
    if (ssl.SSL_CTX_check_private_key(this.address) !== 1) {
      throw new SslContextError(`SSL_CTX_check_private_key("${name}")`)
    }
  }

  /** Who may sign peers' certificates; takes the certificates over. */
  trust(certificates: readonly Pointer[]): void {
    const ssl = openssl()
    const store = ssl.SSL_CTX_get_cert_store(this.address)
    for (const certificate of certificates) {
      ssl.X509_STORE_add_cert(store, certificate)
      ssl.X509_free(certificate)
    }
    ssl.ERR_clear_error()
  }

  /** Names of authorities that are sent to clients who are asked for a certificate. */
  announce(certificates: readonly Pointer[]): void {
    const ssl = openssl()
    const list = ssl.OPENSSL_sk_new_null()
    for (const certificate of certificates) {
      ssl.OPENSSL_sk_push(list, ssl.X509_NAME_dup(ssl.X509_get_subject_name(certificate)))
    }
    ssl.SSL_CTX_set_client_CA_list(this.address, list)
  }

  /** Takes the lists over. */
  revoke(lists: readonly Pointer[]): void {
    const ssl = openssl()
    const store = ssl.SSL_CTX_get_cert_store(this.address)
    for (const list of lists) {
      ssl.X509_STORE_add_crl(store, list)
      ssl.X509_CRL_free(list)
    }
    ssl.X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL)
  }

  /** Who may sign; of this context. */
  get store(): Pointer {
    return openssl().SSL_CTX_get_cert_store(this.address)
  }

  /** Sessions are resumed by contexts with the same text only. */
  setSessions(options: {
    readonly context: string
    readonly mode: number
    readonly timeoutSeconds: number | undefined
    readonly size?: number | undefined
  }): void {
    const ssl = openssl()
    const id = Buffer.from(options.context.slice(0, 32))
    ssl.SSL_CTX_set_session_id_context(this.address, id, id.length)
    this.control(SSL_CTRL_SET_SESS_CACHE_MODE, options.mode)
    if (options.size !== undefined) this.control(SSL_CTRL_SET_SESS_CACHE_SIZE, options.size)
    if (options.timeoutSeconds !== undefined) {
      ssl.SSL_CTX_set_timeout(this.address, options.timeoutSeconds)
    }
  }

  /** Has OpenSSL ask, where `answers` have something to say. */
  answerWith(answers: ContextAnswers): void {
    const ssl = openssl()
    const { selectAlpn, ticketKey, status, ...session } = callbacks()
    this.answers = answers
    ssl.SSL_CTX_set_alpn_select_cb(this.address, selectAlpn, 0)
    if (answers.ticketKeys !== undefined) {
      ssl.SSL_CTX_callback_ctrl(this.address, SSL_CTRL_SET_TLSEXT_TICKET_KEY_CB, ticketKey)
    }
    if (answers.status !== undefined) {
      ssl.SSL_CTX_callback_ctrl(this.address, SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB, status)
    }
    if (answers.sessions !== undefined) {
      this.tellSessions()
      ssl.SSL_CTX_sess_set_get_cb(this.address, session.findSession)
      ssl.SSL_CTX_sess_set_remove_cb(this.address, session.removeSession)
    }
  }

  /** Connections that want to know of new sessions are told; a call that nobody needs costs each handshake. */
  tellSessions(): void {
    if (this.#tellsSessions) return
    this.#tellsSessions = true
    openssl().SSL_CTX_sess_set_new_cb(this.address, callbacks().newSession)
  }
}

/**
 * What OpenSSL asks while a handshake runs: registered once for all contexts.
 *
 * Every call into OpenSSL is synchronous, so the connection it is made for is known here by a variable;
 * what the contexts differ in stands at their `answers`.
 */
import {
  SSL_CTRL_SET_TLSEXT_STATUS_REQ_OCSP_RESP,
  SSL_TLSEXT_ERR_ALERT_FATAL,
  SSL_TLSEXT_ERR_NOACK,
  SSL_TLSEXT_ERR_OK,
} from './constants.ts'
import {
  bytesAt,
  type Callback,
  openssl,
  type Pointer,
  sessionBytesMax,
  writeAt,
} from './libssl.ts'
import { openTicket, sealTicket, type TicketKey } from './ticket-keys.ts'

/** Sessions that outlive a connection, for as many processes as share them. */
export interface SessionStore {
  set(id: Buffer, session: Buffer): void
  get(id: Buffer): Buffer | undefined
  delete(id: Buffer): void
}

/** What a context answers. */
export interface ContextAnswers {
  readonly ticketKeys?: (() => readonly TicketKey[]) | undefined
  readonly sessions?: SessionStore | undefined
  /** DER of the status that is stapled to the certificate; `undefined` while there is none. */
  readonly status?: ((certificate: Pointer) => Buffer | undefined) | undefined
}

/** Whom a call is made for. */
export interface CallbackOwner {
  readonly side: 'server' | 'client'
  readonly answers: ContextAnswers
  /** In order of preference; empty: none is agreed on. */
  readonly alpn: readonly string[]
  /** A client's session that may be used again. */
  onSession(session: Buffer): void
}

export interface Callbacks {
  readonly verify: Callback
  readonly selectAlpn: Callback
  readonly ticketKey: Callback
  readonly newSession: Callback
  readonly findSession: Callback
  readonly removeSession: Callback
  readonly status: Callback
}

let owner: CallbackOwner | undefined
let registered: Callbacks | undefined

/** The connection that calls from here on are made for. */
export function setCallbackOwner(next: CallbackOwner): void {
  owner = next
}

export function callbacks(): Callbacks {
  registered ??= register()
  return registered
}

function register(): Callbacks {
  const { koffi } = openssl()
  const on = (name: string, prototype: string, answer: (...args: never[]) => unknown): Callback =>
    koffi.register(answer, koffi.pointer(koffi.proto(`trijet_${name}`, ...split(prototype))))
  return {
    verify: on('verify', 'int(int, uintptr_t)', verify),
    selectAlpn: on(
      'alpn',
      'int(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uint32_t, uintptr_t)',
      selectAlpn,
    ),
    ticketKey: on(
      'ticket',
      'int(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, int)',
      ticketKey,
    ),
    newSession: on('new_session', 'int(uintptr_t, uintptr_t)', newSession),
    findSession: on('find_session', 'uintptr_t(uintptr_t, uintptr_t, int, uintptr_t)', findSession),
    removeSession: on('remove_session', 'void(uintptr_t, uintptr_t)', removeSession),
    status: on('status', 'int(uintptr_t, uintptr_t)', status),
  }
}

/** `int(int, uintptr_t)` as koffi takes it apart. */
function split(prototype: string): [string, string[]] {
  const [result = '', list = ''] = prototype.slice(0, -1).split('(')
  return [result, list.split(', ')]
}

/** The handshake goes on whatever a certificate is: it is judged afterwards, with an answer one can read. */
function verify(): number {
  return 1
}

function selectAlpn(
  _ssl: Pointer,
  out: Pointer,
  outLength: Pointer,
  offered: Pointer,
  length: number,
): number {
  const wanted = owner?.alpn ?? []
  if (wanted.length === 0) return SSL_TLSEXT_ERR_NOACK
  const list = bytesAt(offered, length)
  for (const name of wanted) {
    const at = findProtocol(list, name)
    if (at < 0) continue
    writeAt(out, pointerBytes(offered + at))
    writeAt(outLength, list.subarray(at - 1, at))
    return SSL_TLSEXT_ERR_OK
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL
}

function pointerBytes(address: Pointer): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(address))
  return bytes
}

/** Where the name stands in a list of names that each follow their length; -1 when it does not. */
function findProtocol(list: Buffer, name: string): number {
  for (let at = 0; at < list.length; at += 1 + list[at]!) {
    const end = at + 1 + list[at]!
    if (list[at] === Buffer.byteLength(name) && list.toString('latin1', at + 1, end) === name) {
      return at + 1
    }
  }
  return -1
}

const tls13 = 'TLSv1.3'

function ticketKey(
  ssl: Pointer,
  name: Pointer,
  vector: Pointer,
  cipher: Pointer,
  mac: Pointer,
  sealing: number,
): number {
  const keys = owner?.answers.ticketKeys?.() ?? []
  const work = { name, vector, cipher, mac }
  if (sealing === 1) return sealTicket(keys, work)
  return openTicket(keys, work, openssl().SSL_get_version(ssl) === tls13)
}

function newSession(_ssl: Pointer, session: Pointer): number {
  const store = owner?.answers.sessions
  if (owner === undefined || (owner.side === 'server' && store === undefined)) return 0
  const bytes = serializeSession(session)
  if (bytes.length === 0) return 0
  if (owner.side === 'client') owner.onSession(bytes)
  else store?.set(sessionId(session), bytes)
  // The reference that was offered is not kept.
  return 0
}

const noCopy: Buffer = Buffer.alloc(Int32Array.BYTES_PER_ELEMENT)

function findSession(_ssl: Pointer, id: Pointer, length: number, copy: Pointer): Pointer {
  // The session is the connection's alone.
  writeAt(copy, noCopy)
  const session = owner?.answers.sessions?.get(bytesAt(id, length))
  return session === undefined ? 0 : parseSession(session)
}

function removeSession(_context: Pointer, session: Pointer): void {
  owner?.answers.sessions?.delete(sessionId(session))
}

function status(ssl: Pointer): number {
  const lib = openssl()
  const response = owner?.answers.status?.(lib.SSL_get_certificate(ssl))
  if (response === undefined) return SSL_TLSEXT_ERR_NOACK
  // OpenSSL keeps it, and frees it with its own means.
  const copy = lib.CRYPTO_malloc(response.length, 'trijet', 0)
  writeAt(copy, response)
  lib.SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_STATUS_REQ_OCSP_RESP, response.length, copy)
  return SSL_TLSEXT_ERR_OK
}

/** A session as bytes; empty when it is too large to be kept. */
export function serializeSession(session: Pointer): Buffer {
  const ssl = openssl()
  const length = ssl.i2d_SSL_SESSION(session, 0)
  if (length <= 0 || length > sessionBytesMax) return Buffer.alloc(0)
  const { address, bytes } = ssl.results
  bytes.writeBigUInt64LE(BigInt(ssl.session.address))
  ssl.i2d_SSL_SESSION(session, address)
  return Buffer.from(ssl.session.bytes.subarray(0, length))
}

/** The caller's to free; 0 when it is none. */
export function parseSession(session: Buffer): Pointer {
  const ssl = openssl()
  if (session.length === 0 || session.length > sessionBytesMax) return 0
  const { address, bytes } = ssl.results
  session.copy(ssl.session.bytes)
  bytes.writeBigUInt64LE(BigInt(ssl.session.address))
  const parsed = ssl.d2i_SSL_SESSION(0, address, session.length)
  if (parsed === 0) ssl.ERR_clear_error()
  return parsed
}

export function sessionId(session: Pointer): Buffer {
  const ssl = openssl()
  const { address, i32 } = ssl.results
  const id = ssl.SSL_SESSION_get_id(session, address)
  const length = i32[0]!
  return length === 0 ? Buffer.alloc(0) : bytesAt(id, length)
}

/**
 * Keys of session tickets (RFC 5077): what a server writes into a ticket it gives to a client, sealed so
 * that nobody else can read or make one.
 *
 * ```text
 *   48 bytes   name:16 aes:16 hmac:16            AES-128
 *   80 bytes   name:16 hmac:32 aes:32            AES-256
 * ```
 *
 * The first key seals; all of them open, so that tickets of a key that was replaced hold for a while.
 */
import { bytesAt, openssl, type Pointer, writeAt } from './libssl.ts'

export interface TicketKey {
  readonly name: Buffer
  readonly aes: Buffer
  readonly hmac: Buffer
}

export const ticketNameBytes = 16
export const shortTicketKeyBytes = 48
export const longTicketKeyBytes = 80

/** `undefined` where the size is neither of the two. */
export function toTicketKey(bytes: Buffer): TicketKey | undefined {
  const name = bytes.subarray(0, ticketNameBytes)
  if (bytes.length === shortTicketKeyBytes) {
    return { name, aes: bytes.subarray(16, 32), hmac: bytes.subarray(32, 48) }
  }
  if (bytes.length !== longTicketKeyBytes) return undefined
  return { name, hmac: bytes.subarray(16, 48), aes: bytes.subarray(48, 80) }
}

/** OpenSSL's work on one ticket: where its name and vector are, and what seals and signs it. */
export interface TicketWork {
  readonly name: Pointer
  readonly vector: Pointer
  readonly cipher: Pointer
  readonly mac: Pointer
}

const vectorBytes = 16

/** What the callback answers. */
const refused = 0
const accepted = 1
/** Opened, and the client is to be given a new one. */
const renewed = 2

export function sealTicket([key]: readonly TicketKey[], work: TicketWork): number {
  const ssl = openssl()
  if (key === undefined) return refused
  if (ssl.RAND_bytes(work.vector, vectorBytes) !== 1) return -1
  writeAt(work.name, key.name)
  const done =
    ssl.EVP_EncryptInit_ex(work.cipher, cipherOf(key), 0, key.aes, work.vector) === 1 &&
    ssl.HMAC_Init_ex(work.mac, key.hmac, key.hmac.length, ssl.EVP_sha256(), 0) === 1
  return done ? accepted : -1
}

/** `renew`: a ticket is good for one use (TLS 1.3). */
export function openTicket(keys: readonly TicketKey[], work: TicketWork, renew: boolean): number {
  const name = bytesAt(work.name, ticketNameBytes)
  const key = keys.find((each) => each.name.equals(name))
  if (key === undefined) return refused
  const ssl = openssl()
  const done =
    ssl.HMAC_Init_ex(work.mac, key.hmac, key.hmac.length, ssl.EVP_sha256(), 0) === 1 &&
    ssl.EVP_DecryptInit_ex(work.cipher, cipherOf(key), 0, key.aes, work.vector) === 1
  if (!done) return -1
  return renew || key !== keys[0] ? renewed : accepted
}

function cipherOf({ aes }: TicketKey): Pointer {
  const ssl = openssl()
  return aes.length === 16 ? ssl.EVP_aes_128_cbc() : ssl.EVP_aes_256_cbc()
}

/**
 * What OpenSSL says went wrong, in the words that nginx logs:
 * `error:0480006C:PEM routines::no start line:Expecting: TRUSTED CERTIFICATE`.
 */
import { openssl, textAt } from './libssl.ts'

/** Errors that are told of one call; OpenSSL keeps sixteen. */
const errorsMax = 16

const dataAt = 0
const flagsAt = 8
const textStart = 64
const textBytesMax = 256
/** The error comes with a text of its own (`ERR_TXT_STRING`). */
const hasText = 0x02

/** Takes all errors off OpenSSL's queue; empty when there were none. */
export function takeErrors(): string {
  const texts: string[] = []
  for (let i = 0; i < errorsMax; i += 1) {
    const text = takeError()
    if (text === undefined) break
    texts.push(text)
  }
  openssl().ERR_clear_error()
  return texts.join(' ')
}

function takeError(): string | undefined {
  const ssl = openssl()
  const { address, bytes, i32 } = ssl.results
  const code = ssl.ERR_get_error_all(0, 0, 0, address + dataAt, address + flagsAt)
  if (code === 0) return undefined
  ssl.ERR_error_string_n(code, address + textStart, textBytesMax)
  const text = textAt(address + textStart)
  const data = (i32[flagsAt / 4]! & hasText) === 0 ? '' : textAt(pointerIn(bytes, dataAt))
  return data === '' ? text : `${text}:${data}`
}

/** A pointer that a call left in memory. */
export function pointerIn(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at))
}

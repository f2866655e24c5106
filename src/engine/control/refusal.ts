/**
 * The reply object of the dynamic API and the codes it carries.
 *
 * Wire form: one line of JSON, keys `data` (left out when empty), `code`, `msg`, in this order
 * (reference §0.3). A refusal that was computed in the data plane still travels as HTTP 200.
 */
import { lengthFault } from '../conf/words.ts'

export const replyCodes = {
  success: 0,
  partial: 1,
  invalidJson: 3,
  failure: 4,
  notAllowed: 5,
  badParameter: 10,
  certificateRepeated: 11,
  notRegistered: -1,
  /** Others were quicker each time the change was tried. */
  stale: -3,
} as const

export interface Reply {
  readonly data?: readonly string[]
  readonly code: number
  readonly msg: string
}

export const success: Reply = { code: replyCodes.success, msg: 'success.' }

/** What a change is answered with when it is not made. */
export class Refusal extends Error {
  readonly reply: Reply

  constructor(code: number, msg: string, data: readonly string[] = []) {
    super(msg)
    this.name = 'Refusal'
    this.reply = data.length > 0 ? { data, code, msg } : { code, msg }
  }
}

/** The word, unless it is so long that a configuration with it could not be read again. */
export function readableWord(word: string): string {
  const fault = lengthFault(word)
  if (fault !== undefined) throw new Refusal(replyCodes.failure, fault)
  return word
}

/** `{"code":0,"msg":"success."}` */
export function formatReply({ data, code, msg }: Reply): string {
  return JSON.stringify(
    data === undefined || data.length === 0 ? { code, msg } : { data, code, msg },
  )
}

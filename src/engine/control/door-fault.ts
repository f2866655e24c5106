/** Why the general door does not make a change, with the status that says so. */
import { Refusal, replyCodes } from './refusal.ts'

export type DoorStatus = 400 | 404 | 409 | 412 | 422

export class DoorFault extends Refusal {
  readonly status: DoorStatus

  constructor(status: DoorStatus, msg: string, data: readonly string[] = []) {
    super(codes[status], msg, data)
    this.name = 'DoorFault'
    this.status = status
  }
}

const codes: Readonly<Record<DoorStatus, number>> = {
  400: replyCodes.badParameter,
  404: replyCodes.failure,
  409: replyCodes.notAllowed,
  412: replyCodes.stale,
  422: replyCodes.failure,
}

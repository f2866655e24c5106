/**
 * All kinds of instructions, in the order in which they are put on top of the files: groups before members
 * before servers before what changes inside servers (reference §3, default subscriptions).
 */
import type { InstructionKind } from './instruction.ts'
import { httpLocation } from './instructions/http-location.ts'
import { httpServer } from './instructions/http-server.ts'
import { httpCertificate, streamCertificate } from './instructions/certificate.ts'
import { revocationList } from './instructions/revocation-list.ts'
import { portRange } from './instructions/port-range.ts'
import { streamMap } from './instructions/stream-map.ts'
import { streamProxyPass } from './instructions/stream-proxy-pass.ts'
import { streamServer } from './instructions/stream-server.ts'
import { httpGroup, streamGroup } from './instructions/upstream-group.ts'
import { Refusal, replyCodes } from './refusal.ts'

export const instructionKinds: readonly InstructionKind[] = [
  portRange,
  httpGroup,
  streamGroup,
  streamServer,
  httpServer,
  httpLocation,
  httpCertificate,
  streamCertificate,
  revocationList,
  streamMap,
  streamProxyPass,
]

export function kindOf(key: string): InstructionKind {
  const kind = instructionKinds.find(({ topic }) => key.startsWith(topic))
  if (kind === undefined) throw new Refusal(replyCodes.failure, `unknown instruction "${key}"`)
  return kind
}

/** Place of an instruction's kind in the order of application. */
export function kindRank(key: string): number {
  return instructionKinds.findIndex(({ topic }) => key.startsWith(topic))
}

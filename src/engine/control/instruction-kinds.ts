/**
 * All kinds of instructions, in the order in which they are put on top of the files: groups before members
 * before servers before what changes inside servers (reference §3, default subscriptions).
 */
import { blockDepthMax } from '../conf/limits.ts'
import type { Instruction, InstructionKind } from './instruction.ts'
import { healthCheck } from './instructions/health-check.ts'
import { httpLocation } from './instructions/http-location.ts'
import { httpServer } from './instructions/http-server.ts'
import { httpCertificate, streamCertificate } from './instructions/certificate.ts'
import { revocationList } from './instructions/revocation-list.ts'
import { order } from './instructions/order.ts'
import { place } from './instructions/place.ts'
import { portRange } from './instructions/port-range.ts'
import { streamServer } from './instructions/stream-server.ts'
import { httpGroup, streamGroup } from './instructions/upstream-group.ts'
import { httpMember, streamMember } from './instructions/upstream-member.ts'
import { emptyText, placeDepth } from './place.ts'
import { Refusal, replyCodes } from './refusal.ts'

export const instructionKinds: readonly InstructionKind[] = [
  portRange,
  httpGroup,
  streamGroup,
  httpMember,
  streamMember,
  streamServer,
  httpServer,
  place,
  healthCheck,
  httpLocation,
  httpCertificate,
  streamCertificate,
  revocationList,
  order,
]

export function kindOf(key: string): InstructionKind {
  const kind = instructionKinds.find(({ topic }) => key.startsWith(topic))
  if (kind === undefined) throw new Refusal(replyCodes.failure, `unknown instruction "${key}"`)
  return kind
}

/** The row that an instruction's thing stands in, where it matters which comes first. */
export function rowOf({ key, body }: Instruction): string | undefined {
  const kind = instructionKinds.find(({ topic }) => key.startsWith(topic))
  return kind?.rowOf === undefined || isNewcomer(body) ? undefined : kind.rowOf(JSON.parse(body))
}

/**
 * True when an instruction that is set over this one, or over none, is as young as it comes: what stood for
 * nothing has no place that could be kept.
 */
export function isNewcomer(before: string | null | undefined): boolean {
  return before === null || before === undefined || before.endsWith(emptyText)
}

/** Instructions in the order in which they are put on top of the files: by kind, and by age within a kind. */
export function byRank(instructions: readonly Instruction[]): readonly Instruction[] {
  return [...instructions].sort((a, b) => kindRank(a.key) - kindRank(b.key))
}

const serverRank = instructionKinds.indexOf(httpServer)
const locationRank = instructionKinds.indexOf(httpLocation)

/**
 * Place of an instruction in the order of application. All servers are of one rank, whoever set them, and so
 * are locations of servers: their order is that of their age. Inner places come after those around them.
 */
export function kindRank(key: string): number {
  const rank = instructionKinds.findIndex(({ topic }) => key.startsWith(topic))
  if (instructionKinds[rank] === streamServer) return serverRank
  if (instructionKinds[rank] !== place) return rank
  const depth = placeDepth(key)
  if (depth <= depths.server) return serverRank
  return locationRank + (depth - depths.location) / blockDepthMax
}

/** Blocks around what stands in `http` and `stream` themselves, and in their servers. */
const depths = { server: 1, location: 2 } as const

/** Members and peers as JSON (reference §1b). */
import { monotonicMs } from '../../core/monotonic.ts'
import type { PeerFigures, UpstreamFigures } from '../metrics/peers.ts'
import type { SubsystemName } from '../server-index.ts'
import { type MemberFields, readServer, serverText, toArgs } from './member-fields.ts'
import type { UpstreamView } from './upstream-view.ts'

type Json = Readonly<Record<string, unknown>>

/** The clock of the machine's users, and that of peers' figures. */
export interface Clocks {
  readonly wall: () => number
  readonly monotonic: () => number
}

const machineClocks: Clocks = { wall: Date.now, monotonic: monotonicMs }

/** An entry of the list of servers. */
export function memberJson(
  { id, ...fields }: MemberFields & { readonly id: number },
  subsystem: SubsystemName,
): Json {
  const { service, weight, max_conns, max_fails, fail_timeout, slow_start, route } = fields
  return {
    id,
    server: serverText(readServer(toArgs(fields), subsystem)),
    ...(service !== undefined && { service }),
    weight,
    max_conns,
    max_fails,
    fail_timeout,
    slow_start,
    ...(subsystem === 'http' && { route }),
    backup: fields.backup,
    down: fields.down,
    ...(fields.drain && { drain: true }),
  }
}

/** All entries: members, and behind each name the addresses that were found for it. */
export function memberList(
  { members, subsystem }: UpstreamView,
  { peers }: UpstreamFigures,
): readonly Json[] {
  return members.flatMap((member) => {
    const children = peers.filter(({ parent }) => parent === member.id)
    return [memberJson(member, subsystem), ...children.map((child) => childJson(child, subsystem))]
  })
}

/** An address of a member that is a name. */
export function childJson(child: PeerFigures, subsystem: SubsystemName): Json {
  const { member, parent, id, weight } = child
  const { service: _, ...own } = memberJson(member, subsystem)
  return { ...own, id, server: child.address, weight, parent, host: own['server'] }
}

export interface UpstreamJsonOptions {
  /** What is shown beside the name; everything unless given. */
  readonly fields?: ReadonlySet<string> | undefined
  readonly clocks?: Clocks
}

/** A group with its peers. */
export function upstreamJson(
  { name, subsystem, zone }: UpstreamView,
  { peers, keepalive, zombies }: UpstreamFigures,
  { fields, clocks = machineClocks }: UpstreamJsonOptions = {},
): Json {
  const all = {
    peers: peers.map((peer) => peerJson(peer, subsystem, clocks)),
    ...(subsystem === 'http' && { keepalive }),
    zombies,
    zone: zone!.name,
  }
  const chosen = Object.entries(all).filter(([key]) => fields === undefined || fields.has(key))
  return { name, ...Object.fromEntries(chosen) }
}

function peerJson(peer: PeerFigures, subsystem: SubsystemName, clocks: Clocks): Json {
  const agoMs = (at: number): number => clocks.monotonic() - at
  const timeOf = (at: number): string => new Date(clocks.wall() - agoMs(at)).toISOString()
  const { id, address, member, active, requests, health } = peer
  return {
    id,
    server: address,
    name: member.server,
    ...(member.service !== undefined && { service: member.service }),
    backup: member.backup,
    weight: peer.weight,
    state: peer.state,
    active,
    ...(member.max_conns > 0 && { max_conns: member.max_conns }),
    ...(subsystem === 'http'
      ? { requests, responses: responsesJson(peer) }
      : { connections: requests }),
    sent: peer.sentBytes,
    received: peer.receivedBytes,
    fails: peer.fails,
    unavail: peer.unavail,
    health_checks: {
      checks: health.checks,
      fails: health.fails,
      unhealthy: health.unhealthy,
      ...(health.lastPassed !== undefined && { last_passed: health.lastPassed }),
    },
    downtime: peer.downtimeMs + (peer.downSince > 0 ? Math.round(agoMs(peer.downSince)) : 0),
    ...(peer.downSince > 0 && { downstart: timeOf(peer.downSince) }),
    ...timesJson(peer, subsystem),
    ...(peer.selectedAt > 0 && { selected: timeOf(peer.selectedAt) }),
  }
}

function responsesJson({ responses }: PeerFigures): Json {
  const classes = responses.classes.map((count, i) => [`${i + 1}xx`, count] as const)
  const codes = Object.fromEntries(responses.codes)
  return { ...Object.fromEntries(classes), codes, total: responses.total }
}

/** Averages, in milliseconds, of what has happened at all. */
function timesJson(peer: PeerFigures, subsystem: SubsystemName): Json {
  const { connectMs, headerMs, responseMs } = peer
  const times =
    subsystem === 'http'
      ? { header_time: headerMs, response_time: responseMs }
      : { connect_time: connectMs, first_byte_time: headerMs, response_time: responseMs }
  const known = Object.entries(times).filter(([, ms]) => ms > 0)
  return Object.fromEntries(known.map(([name, ms]) => [name, Math.round(ms)]))
}

/**
 * Intercepted traffic: where it was meant to go, and what it speaks.
 *
 * `$njtmesh_ip` and `$njtmesh_port` are the destination the client named, on listeners with `mesh`;
 * `$njtmesh_dest` is both, and has no value where nothing was intercepted: passing a connection on to
 * the listener that took it would go round in circles.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import { parseNumber } from '../../conf/units.ts'
import type { ValueType } from '../../core/module.ts'
import { concat, flag } from '../../modules/value-types.ts'
import { formatAddress, type InetAddress } from '../../net/address.ts'
import { originalDestination } from '../../net/original-destination.ts'
import { sniffProtocol } from '../../net/protocol-sniff.ts'
import { defineStreamModule, type Outcome, type StreamModule } from '../module.ts'
import { hasTrait } from '../ports.ts'
import type { Session } from '../session.ts'

export interface PortMode {
  readonly port: number
  readonly mode: string
}

export interface StreamMeshConf {
  readonly njtmesh_port_mode: readonly PortMode[]
  readonly preread_proto: boolean
}

/** Mode of ports that no directive names, where protocols are told apart. */
const modeDefault = 'PERMISSIVE'

const portMode: ValueType<readonly PortMode[]> = {
  describe: 'port mode',
  parse: ([text = '', mode = '']) => {
    const port = parseNumber(text) ?? 0
    if (port < 1 || port > 65_535) throw new ConfError(`invalid port "${text}"`)
    return [{ port, mode }]
  },
}

const everywhere = ['stream', 'stream.server'] as const

export const streamMesh: StreamModule<StreamMeshConf> = defineStreamModule<StreamMeshConf>({
  id: 'stream.proto',
  loadNames: ['stream_proto_module'],
  directives: {
    njtmesh_port_mode: {
      contexts: everywhere,
      args: [2, 2],
      syntax: 'njtmesh_port_mode port mode',
      value: portMode,
      default: [],
      merge: concat,
      doc: 'Sets the mode of an original destination port, for $njtmesh_port_mode.',
    },
    preread_proto: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'preread_proto on | off',
      value: flag,
      default: false,
      doc: 'Waits for the first bytes of a client and tells its protocol by them.',
    },
  },
  variables: {
    njtmesh_dest: { get: (session: Session) => destinationText(session) },
    njtmesh_ip: { get: (session: Session) => originalOf(session)?.host },
    njtmesh_port: { get: (session: Session) => originalOf(session)?.port.toString() },
    njtmesh_port_mode: { get: (session: Session) => modeOf(session) },
    preread_proto: { get: (session: Session) => protocolOf(session), volatile: true },
  },
  hooks: {
    postAccept: (_conf, { listensWithMesh }) => (listensWithMesh ? rememberOriginal : undefined),
    preread: ({ preread_proto: on }) => (on ? awaitProtocol : undefined),
  },
})

/** Asked of the kernel before TLS takes the connection's descriptor over. */
function rememberOriginal(session: Session): Outcome {
  originalOf(session)
  return 'declined'
}

function originalOf(session: Session): InetAddress | undefined {
  const { facts, port, client } = session
  if (!hasTrait(port, 'mesh')) return undefined
  if (facts.original === undefined && session.protocol === 'TCP') {
    const found = originalDestination(client, port.address)
    facts.original = found?.address
    facts.intercepted = found?.intercepted ?? false
  }
  return facts.original
}

function destinationText(session: Session): string | undefined {
  const original = originalOf(session)
  return original !== undefined && session.facts.intercepted ? formatAddress(original) : undefined
}

function modeOf(session: Session): string | undefined {
  const port = originalOf(session)?.port
  if (port === undefined) return undefined
  const conf = session.server.scope.conf(streamMesh)
  const found = conf.njtmesh_port_mode.find((one) => one.port === port)
  return found?.mode ?? (conf.preread_proto ? modeDefault : undefined)
}

function protocolOf(session: Session): string | undefined {
  if (session.protocol === 'UDP') return 'udp'
  const protocol = sniffProtocol(session.preread)
  return protocol === 'incomplete' ? session.facts.sniffed : (session.facts.sniffed = protocol)
}

function awaitProtocol(session: Session): Outcome {
  return protocolOf(session) === undefined ? 'again' : 'declined'
}

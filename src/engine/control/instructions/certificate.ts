/**
 * A certificate added to a server: `/ins/ssl/l_<crc32>`, `/ins/stream_ssl/l_<crc32>` (reference §1b).
 *
 * The pair stands after the server's own ones; of two certificates with the same kind of key the later one
 * is shown, so adding one for a name that has one replaces it. Values are paths, or `data:` and the PEM.
 */
import { append, indexOfDirective, splice } from '../../conf/block.ts'
import { type Directive, directive, withBlock } from '../../conf/tree.ts'
import { settingsOf } from '../../core/scope.ts'
import type { Applied, InstructionKind } from '../instruction.ts'
import { Refusal, replyCodes } from '../refusal.ts'
import { requireAddressed, type ServerAddress } from '../server-address.ts'
import type { SubsystemName } from '../server-index.ts'
import { replaceServerNode } from '../server-tree.ts'

export interface CertificateInfo {
  readonly cert_type?: string
  readonly certificate: string
  readonly certificateKey: string
}

export interface CertificateBody extends ServerAddress {
  readonly cert_info: CertificateInfo
}

export interface CertificateKind extends InstructionKind {
  readonly subsystem: SubsystemName
}

export const httpCertificate: CertificateKind = defineCertificate('http', '/ins/ssl/')

export const streamCertificate: CertificateKind = defineCertificate('stream', '/ins/stream_ssl/')

function defineCertificate(subsystem: SubsystemName, topic: string): CertificateKind {
  const exchange = (applied: Applied, body: CertificateBody, change: Change): Applied => {
    const server = requireAddressed(applied[subsystem], body)
    const node = change(server.node, body.cert_info)
    return replaceServerNode(applied, subsystem, { server, node })
  }
  return Object.freeze<CertificateKind>({
    subsystem,
    topic,
    apply: (transition) => {
      let applied: Applied = transition
      const { before, after } = transition
      if (before !== undefined) applied = exchange(applied, before as CertificateBody, without)
      if (after !== undefined) applied = exchange(applied, after as CertificateBody, withPair)
      return applied
    },
  })
}

/** Certificates of a server, in order, with their keys. */
export function certificatesOf(server: Directive): readonly CertificateInfo[] {
  const settings = settingsOf(server.block!)
  const values = (name: string): readonly string[] =>
    settings.filter((node) => node.name === name).map(({ args }) => args[0] ?? '')
  const keys = values('ssl_certificate_key')
  return values('ssl_certificate').map((certificate, i) => ({
    certificate,
    certificateKey: keys[i] ?? '',
  }))
}

export function refuseRepeated(server: Directive, { certificate }: CertificateInfo): void {
  if (certificatesOf(server).some((known) => known.certificate === certificate)) {
    throw new Refusal(replyCodes.certificateRepeated, ' dyn ssl cert repeated')
  }
}

type Change = (server: Directive, info: CertificateInfo) => Directive

function withPair(server: Directive, info: CertificateInfo): Directive {
  refuseRepeated(server, info)
  const pair = [
    directive('ssl_certificate', [info.certificate]),
    directive('ssl_certificate_key', [info.certificateKey]),
  ]
  return withBlock(server, pair.reduce(append, server.block!))
}

function without(server: Directive, info: CertificateInfo): Directive {
  let block = server.block!
  const pair = { ssl_certificate: info.certificate, ssl_certificate_key: info.certificateKey }
  for (const [name, value] of Object.entries(pair)) {
    const node = settingsOf(block).findLast(
      (other) => other.name === name && other.args[0] === value,
    )
    if (node !== undefined) block = splice(block, indexOfDirective(block, node), 1, [])
  }
  return withBlock(server, block)
}

/**
 * A certificate added to a stream server: `/ins/stream_ssl/l_<crc32>` (reference §1b).
 *
 * The pair stands after the server's own ones; of two certificates with the same kind of key the later one
 * is shown, so adding one for a name that has one replaces it. Values are paths, or `data:` and the PEM.
 */
import { append, directives, indexOfDirective, splice } from '../../conf/block.ts'
import { type Directive, directive, withBlock } from '../../conf/tree.ts'
import type { Applied, InstructionKind } from '../instruction.ts'
import { Refusal, replyCodes } from '../refusal.ts'
import { findAddressed, formatServer, type ServerAddress } from '../server-address.ts'
import { replaceServerNode } from '../server-tree.ts'

export interface CertificateInfo {
  readonly cert_type?: string
  readonly certificate: string
  readonly certificateKey: string
}

export interface CertificateBody extends ServerAddress {
  readonly cert_info: CertificateInfo
}

export const streamCertificate: InstructionKind = {
  topic: '/ins/stream_ssl/',
  apply: (transition) => {
    let applied: Applied = transition
    const { before, after } = transition
    if (before !== undefined) applied = exchange(applied, before as CertificateBody, without)
    if (after !== undefined) applied = exchange(applied, after as CertificateBody, withPair)
    return applied
  },
}

/** Certificates of a server, in order, with their keys. */
export function certificatesOf(server: Directive): readonly CertificateInfo[] {
  const children = [...directives(server.block!)]
  const values = (name: string): readonly string[] =>
    children.filter((node) => node.name === name).map(({ args }) => args[0] ?? '')
  const keys = values('ssl_certificate_key')
  return values('ssl_certificate').map((certificate, i) => ({
    certificate,
    certificateKey: keys[i] ?? '',
  }))
}

function exchange(
  applied: Applied,
  body: CertificateBody,
  change: (server: Directive, info: CertificateInfo) => Directive,
): Applied {
  const server = findAddressed(applied.stream, body)
  if (server === undefined) {
    throw new Refusal(replyCodes.failure, ` can\`t find server by ${formatServer(body)}`)
  }
  const node = change(server.node, body.cert_info)
  return replaceServerNode(applied, 'stream', { server, node })
}

function withPair(server: Directive, info: CertificateInfo): Directive {
  if (certificatesOf(server).some(({ certificate }) => certificate === info.certificate)) {
    throw new Refusal(replyCodes.certificateRepeated, ' dyn ssl cert repeated')
  }
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
    const node = [...directives(block)].findLast(
      (other) => other.name === name && other.args[0] === value,
    )
    if (node !== undefined) block = splice(block, indexOfDirective(block, node), 1, [])
  }
  return withBlock(server, block)
}

/**
 * The list of revoked certificates that a server checks its clients' against: `/ins/crl/l_<crc32>`
 * (reference §1b). An address belongs to one subsystem, so the servers of both are named in the same way.
 */
import { append, indexOfDirective, splice } from '../../conf/block.ts'
import { type Directive, directive, withBlock } from '../../conf/tree.ts'
import { settingsOf } from '../../core/scope.ts'
import type { Applied, Displaced, InstructionKind } from '../instruction.ts'
import { findAddressed, requireAddressed, type ServerAddress } from '../server-address.ts'
import type { IndexedServer, SubsystemName } from '../server-index.ts'
import { replaceServerNode } from '../server-tree.ts'

export interface RevocationListBody extends ServerAddress {
  readonly ssl_crl: string
}

export const revocationList: InstructionKind = {
  topic: '/ins/crl/',
  apply: (transition) => {
    const { before, after, key } = transition
    const body = (after ?? before) as RevocationListBody
    const { subsystem, server } = findOwner(transition, body)
    const aside = before === undefined ? toAside(server.node) : transition.displaced.get(key)
    const list = after === undefined ? aside?.nodes[0] : toDirective(body)
    const applied = replaceServerNode(transition, subsystem, {
      server,
      node: withList(server.node, list),
    })
    const { displaced } = transition
    return {
      ...applied,
      displaced:
        after === undefined || aside === undefined
          ? displaced.delete(key)
          : displaced.set(key, aside),
    }
  },
}

/** The server of either subsystem that is meant. */
export function findOwner(
  { http, stream }: Pick<Applied, 'http' | 'stream'>,
  body: ServerAddress,
): { readonly subsystem: SubsystemName; readonly server: IndexedServer } {
  const server = findAddressed(http, body)
  if (server !== undefined) return { subsystem: 'http', server }
  return { subsystem: 'stream', server: requireAddressed(stream, body) }
}

/** The directive of the very server, without those around it. */
export function listOf(server: Directive): Directive | undefined {
  return settingsOf(server.block!).findLast(({ name }) => name === 'ssl_crl')
}

function toDirective({ ssl_crl }: RevocationListBody): Directive {
  return directive('ssl_crl', [ssl_crl])
}

/** The list that the server had of its own. */
function toAside(server: Directive): Displaced {
  const list = listOf(server)
  return { block: server.block!, nodes: list === undefined ? [] : [list] }
}

function withList(server: Directive, list: Directive | undefined): Directive {
  const block = server.block!
  const known = listOf(server)
  const nodes = list === undefined ? [] : [list]
  if (known === undefined) return withBlock(server, nodes.reduce(append, block))
  return withBlock(server, splice(block, indexOfDirective(block, known), 1, nodes))
}

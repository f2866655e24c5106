/**
 * A changed target of a stream server: `/dyn/stream_proxy_pass/l_<crc32>` (reference §1b).
 *
 * Only a server that has a `proxy_pass` can be given another one.
 */
import { findDirective } from '../../conf/block.ts'
import { type Directive, withArgs } from '../../conf/tree.ts'
import type { InstructionKind, Transition } from '../instruction.ts'
import { readableWord, Refusal, replyCodes } from '../refusal.ts'
import { findAddressed, formatServer, type ServerAddress } from '../server-address.ts'
import type { IndexedServer } from '../server-index.ts'
import { replaceIn, replaceServerNode } from '../server-tree.ts'
import { streamServer } from './stream-server.ts'
import { originalServer } from './virtual-server.ts'

export interface ProxyPassBody extends ServerAddress {
  readonly proxy_pass: string
}

export const streamProxyPass: InstructionKind = {
  topic: '/dyn/stream_proxy_pass/',
  apply: (transition) => {
    const body = (transition.after ?? transition.before) as ProxyPassBody
    const server = findAddressed(transition.stream, body)
    if (server === undefined) {
      throw new Refusal(replyCodes.failure, `${formatServer(body)} can not find server.`)
    }
    const node = findDirective(server.node.block, 'proxy_pass')
    if (node === undefined) {
      throw new Refusal(replyCodes.failure, `${formatServer(body)} has no proxy_pass`)
    }
    const args =
      transition.after === undefined
        ? originalArgs(transition, server, node)
        : [readableWord(body.proxy_pass)]
    const next = replaceIn(server.node, node, withArgs(node, args))
    return replaceServerNode(transition, 'stream', { server, node: next })
  },
}

function originalArgs(
  transition: Transition,
  server: IndexedServer,
  node: Directive,
): readonly string[] {
  const original = originalServer(transition, streamServer, server)
  return findDirective(original?.block, 'proxy_pass')?.args ?? node.args
}

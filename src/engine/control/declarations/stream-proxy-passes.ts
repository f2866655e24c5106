/** `/api/v1/config/stream_proxy_pass` (reference §1b, Annex B `helper_dyn_stream_pass`). */
import { findDirective } from '../../conf/block.ts'
import { type Declaration, nonEmptyString, objectList, stringList } from '../declaration.ts'
import type { ProxyPassBody } from '../instructions/stream-proxy-pass.ts'
import { listenAddrPort } from '../listen-address.ts'
import { serverAddressProperties } from '../operation.ts'
import { proxyPassKey } from '../overrides.ts'
import { Refusal, replyCodes } from '../refusal.ts'
import { findAddressed, formatServer } from '../server-address.ts'
import type { IndexedServer } from '../server-index.ts'

export const streamProxyPasses: Declaration = {
  key: 'stream_proxy_pass',
  schema: {
    type: 'object',
    properties: {
      servers: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            ...serverAddressProperties,
            proxy_pass: { type: 'string', examples: ['127.0.0.1:5555'] },
          },
          required: ['listens', 'proxy_pass'],
        },
      },
    },
    required: ['servers'],
  },
  dump: ({ stream }) => ({ servers: [...stream.servers()].map(describe) }),
  items: (document) => objectList(document, 'servers'),
  toEdits: (item, { stream }) => {
    const body = toBody(item as Record<string, unknown>)
    const server = findAddressed(stream, body)
    if (server === undefined) {
      throw new Refusal(replyCodes.failure, `${formatServer(body)} can not find server.`)
    }
    return [{ key: proxyPassKey(server), body: JSON.stringify(body) }]
  },
}

function toBody(item: Record<string, unknown>): ProxyPassBody {
  const listens = stringList(item['listens'], 'listens')
  const serverNames = stringList(item['serverNames'] ?? [], 'serverNames')
  if (listens.length === 0) {
    throw new Refusal(
      replyCodes.failure,
      ' server parameters error, listens or serverNames is empty,at position 0',
    )
  }
  return { listens, serverNames, proxy_pass: nonEmptyString(item['proxy_pass'], 'proxy_pass') }
}

function describe({ node, addresses, names }: IndexedServer): ProxyPassBody {
  return {
    listens: addresses.map(listenAddrPort),
    serverNames: names,
    proxy_pass: findDirective(node.block, 'proxy_pass')?.args[0] ?? '',
  }
}

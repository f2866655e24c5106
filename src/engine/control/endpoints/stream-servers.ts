/** `/api/v1/stream_srv`: virtual servers of the stream block (reference §2). */
import type { Endpoint } from '../api.ts'
import { streamServer } from '../instructions/stream-server.ts'
import type { Schema } from '../operation.ts'
import { createVirtualServers } from './virtual-servers.ts'

const identity: Readonly<Record<string, Schema>> = {
  addr_port: {
    type: 'string',
    description: 'Address and port; " udp" behind it for datagrams.',
    examples: ['0.0.0.0:22222'],
  },
  server_name: { type: 'string', examples: ['server-17082'] },
}

export const streamServers: Endpoint = createVirtualServers({
  kind: streamServer,
  module: 'stream_dyn_server_module',
  about: {
    path: '/v1/stream_srv',
    list: {
      summary: 'Lists dynamic stream servers',
      description: 'The servers that were added by the API.',
    },
    add: {
      summary: 'Adds a stream server',
      description:
        'On an address that is listened on already, or on a new port, which is then opened.',
      properties: {
        ...identity,
        listen_option: {
          type: 'string',
          description: 'Options of a new port: ssl, proxy_protocol, …',
        },
        server_body: { type: 'string', examples: ['return "17082 ok";'] },
      },
      required: ['addr_port', 'server_name', 'server_body'],
      example: {
        addr_port: '0.0.0.0:22222',
        server_name: 'server-17082',
        server_body: 'return "17082 ok";',
      },
    },
    del: {
      summary: 'Deletes a dynamic stream server',
      description:
        'Its live sessions are closed; a port that was opened for it is closed with its last server.',
      properties: identity,
      required: ['addr_port', 'server_name'],
    },
  },
})

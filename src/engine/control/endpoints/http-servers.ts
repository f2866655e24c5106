/** `/api/v1/dyn_srv`: virtual servers of the http block (reference §1b). */
import type { Endpoint } from '../api.ts'
import { httpServer } from '../instructions/http-server.ts'
import type { Schema } from '../operation.ts'
import { createVirtualServers } from './virtual-servers.ts'

const identity: Readonly<Record<string, Schema>> = {
  addr_port: { type: 'string', description: 'Address and port.', examples: ['0.0.0.0:8080'] },
  server_name: {
    type: 'string',
    description: 'Names, as the directive takes them: exact, with a wildcard, or an expression.',
    examples: ['shop.example.com'],
  },
}

export const httpServers: Endpoint = createVirtualServers({
  kind: httpServer,
  module: 'http_dyn_server_module',
  about: {
    path: '/v1/dyn_srv',
    list: {
      summary: 'Lists dynamic HTTP servers',
      description: 'The servers that were added by the API.',
    },
    add: {
      summary: 'Adds an HTTP server',
      description:
        'On an address that is listened on already, or on a new port, which is then opened. Locations are added to it afterwards.',
      properties: {
        ...identity,
        listen_option: {
          type: 'string',
          description: 'Options of a new port: ssl, proxy_protocol, …',
        },
        server_body: { type: 'string', examples: ['return 200 "shop";'] },
      },
      required: ['addr_port', 'server_name'],
      example: {
        addr_port: '0.0.0.0:8080',
        server_name: 'shop.example.com',
        server_body: 'return 200 "shop";',
      },
    },
    del: {
      summary: 'Deletes a dynamic HTTP server',
      description:
        'With the locations and whatever else was put into it; a port that was opened for it is closed with its last server.',
      properties: identity,
      required: ['addr_port', 'server_name'],
    },
  },
})

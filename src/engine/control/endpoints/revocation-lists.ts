/**
 * `/api/v1/crl`: lists of revoked certificates (reference §1b).
 *
 * `PUT` gives a server of either subsystem its list, live; `GET` dumps the servers that have one.
 */
import { type ApiRequest, type Endpoint, json, notFound } from '../api.ts'
import { stringList } from '../shape.ts'
import type { DynamicState } from '../dynamic-state.ts'
import { change, parseObject } from '../instruction-request.ts'
import type { Edit } from '../instruction.ts'
import { findOwner, listOf, type RevocationListBody } from '../instructions/revocation-list.ts'
import { listenAddrPort } from '../listen-address.ts'
import {
  changeResponses,
  dryRunParameter,
  type Operation,
  serverAddressProperties,
} from '../operation.ts'
import { revocationListKey } from '../overrides.ts'
import { Refusal, replyCodes } from '../refusal.ts'

const operations: readonly Operation[] = [
  {
    method: 'get',
    path: '/v1/crl',
    summary: 'Lists lists of revoked certificates',
    responses: { 200: { description: 'Every server that has a list of its own.' } },
  },
  {
    method: 'put',
    path: '/v1/crl',
    summary: 'Gives a server a list of revoked certificates',
    description: 'In the place of the one it has.',
    query: [dryRunParameter],
    body: {
      type: 'object',
      properties: {
        ...serverAddressProperties,
        ssl_crl: { type: 'string', description: 'A path, or "data:" and the PEM.' },
      },
      required: ['listens', 'serverNames', 'ssl_crl'],
    },
    responses: changeResponses,
  },
]

const parameters = new Set(['listens', 'serverNames', 'ssl_crl'])

export const revocationLists: Endpoint = {
  key: '/v1/crl',
  operations,
  handle: async (request, plane) => {
    if (request.path.length > 0) return notFound()
    if (request.method === 'GET') return json(200, { servers: dump(plane.state()) })
    if (request.method !== 'PUT') return notFound()
    return change(request, plane, () => {
      const body = parseRequest(request)
      return (state) => [toEdit(body, state)]
    })
  },
}

function dump({ http, stream }: DynamicState): readonly unknown[] {
  return [...http.servers(), ...stream.servers()].flatMap(({ node, addresses, names }) => {
    const list = listOf(node)
    if (list === undefined) return []
    const ssl_crls = [{ ssl_crl: list.args[0] }]
    return [{ listens: addresses.map(listenAddrPort), serverNames: names, ssl_crls }]
  })
}

function toEdit(body: RevocationListBody, state: DynamicState): Edit {
  const { server } = findOwner(state, body)
  return { key: revocationListKey(server), body: JSON.stringify(body) }
}

function parseRequest({ body = '' }: ApiRequest): RevocationListBody {
  const { listens, serverNames = [], ssl_crl = '' } = parseObject(body, parameters)
  if (typeof ssl_crl !== 'string') {
    throw new Refusal(replyCodes.invalidJson, '"ssl_crl" must be a string')
  }
  if (ssl_crl.trim() === '') throw new Refusal(replyCodes.failure, ' ssl_crl is empty')
  return {
    listens: stringList(listens, 'listens'),
    serverNames: stringList(serverNames, 'serverNames'),
    ssl_crl,
  }
}

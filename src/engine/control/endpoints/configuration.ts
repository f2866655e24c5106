/** `/api/v1/config[/<key>]`: the list of declarative keys, and each of them (reference §1b). */
import { type Endpoint, json, notFound } from '../api.ts'
import { type Declaration, type Dump, handleDeclaration } from '../declaration.ts'
import { httpAccessLists } from '../declarations/http-access-lists.ts'
import { httpAuthentication } from '../declarations/http-authentication.ts'
import { httpFaults } from '../declarations/http-faults.ts'
import { httpHeaderFields } from '../declarations/http-headers.ts'
import { httpLimits } from '../declarations/http-limits.ts'
import { httpLogs } from '../declarations/http-logs.ts'
import { httpProxyPasses } from '../declarations/http-proxy-passes.ts'
import { httpTraffic } from '../declarations/http-traffic.ts'
import { httpMaps, streamMaps } from '../declarations/maps.ts'
import { httpSplitClients, httpSplitClients2 } from '../declarations/split-clients.ts'
import { streamProxyPasses } from '../declarations/stream-proxy-passes.ts'
import { streamTraffic } from '../declarations/stream-traffic.ts'
import { telemetry } from '../declarations/telemetry.ts'
import { httpGroupDump, streamGroupDump } from '../declarations/upstream-groups.ts'
import { changeResponses, dryRunParameter, type Operation, replySchema } from '../operation.ts'
import { streamCertificates } from './certificates.ts'

/** What other interfaces change, and can be looked at here. */
const dumps: readonly Dump[] = [httpGroupDump, streamGroupDump]

const declarations: readonly Declaration[] = [
  httpLogs,
  httpTraffic,
  httpAccessLists,
  httpLimits,
  httpMaps,
  streamMaps,
  httpSplitClients2,
  httpSplitClients,
  httpFaults,
  httpHeaderFields,
  httpAuthentication,
  httpProxyPasses,
  streamProxyPasses,
  streamTraffic,
  telemetry,
]

function toDumpOperation({ key, schema }: Dump): Operation {
  return {
    method: 'get',
    path: `/v1/config/${key}`,
    summary: `Dumps ${key}`,
    responses: { 200: { description: 'What is in force.', schema } },
  }
}

function toOperations(declaration: Declaration): readonly Operation[] {
  const { key, schema } = declaration
  const refusal = { description: 'The body is no JSON object.', schema: replySchema }
  return [
    toDumpOperation(declaration),
    {
      method: 'put',
      path: `/v1/config/${key}`,
      summary: `Merges into ${key}`,
      query: [dryRunParameter],
      body: schema,
      responses: { ...changeResponses, 400: refusal },
    },
  ]
}

export const configuration: Endpoint = {
  key: '/v1/config',
  operations: [
    {
      method: 'get',
      path: '/v1/config',
      summary: 'Lists the declarative keys',
      responses: { 200: { description: 'Names that stand behind the path.' } },
    },
    ...declarations.flatMap(toOperations),
    ...dumps.map(toDumpOperation),
  ],
  handle: async (request, plane) => {
    const [key, ...rest] = request.path
    if (rest.length > 0) return notFound()
    if (key === undefined) {
      const names = [...declarations.map(toKey), 'stream_ssl', ...dumps.map(toKey)]
      return request.method === 'GET' ? json(200, names) : notFound()
    }
    // Certificates are an instruction of their own; both paths lead to it.
    if (key === 'stream_ssl') return streamCertificates.handle({ ...request, path: [] }, plane)
    const dump = dumps.find((candidate) => candidate.key === key)
    if (dump !== undefined && request.method === 'GET') return json(200, dump.dump(plane.state()))
    const declaration = declarations.find((candidate) => candidate.key === key)
    return declaration === undefined ? notFound() : handleDeclaration(declaration, request, plane)
  },
}

function toKey({ key }: Dump): string {
  return key
}

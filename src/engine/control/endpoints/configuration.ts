/** `/api/v1/config[/<key>]`: the list of declarative keys, and each of them (reference §1b). */
import { type Endpoint, json, notFound } from '../api.ts'
import { type Declaration, handleDeclaration } from '../declaration.ts'
import { streamMaps } from '../declarations/stream-maps.ts'
import { streamProxyPasses } from '../declarations/stream-proxy-passes.ts'
import { changeResponses, dryRunParameter, type Operation, replySchema } from '../operation.ts'
import { streamCertificates } from './certificates.ts'

const declarations: readonly Declaration[] = [streamMaps, streamProxyPasses]

function toOperations({ key, schema }: Declaration): readonly Operation[] {
  const path = `/v1/config/${key}`
  const refusal = { description: 'The body is no JSON object.', schema: replySchema }
  return [
    {
      method: 'get',
      path,
      summary: `Dumps ${key}`,
      responses: { 200: { description: 'What is in force.', schema } },
    },
    {
      method: 'put',
      path,
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
  ],
  handle: async (request, plane) => {
    const [key, ...rest] = request.path
    if (rest.length > 0) return notFound()
    if (key === undefined) {
      const names = [...declarations.map((declaration) => declaration.key), 'stream_ssl']
      return request.method === 'GET' ? json(200, names) : notFound()
    }
    // Certificates are an instruction of their own; both paths lead to it.
    if (key === 'stream_ssl') return streamCertificates.handle({ ...request, path: [] }, plane)
    const declaration = declarations.find((candidate) => candidate.key === key)
    return declaration === undefined ? notFound() : handleDeclaration(declaration, request, plane)
  },
}

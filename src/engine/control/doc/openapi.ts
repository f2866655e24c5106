/** The OpenAPI 3.1 document of the dynamic API, made from what the endpoints declare. */
import type { Endpoint } from '../api.ts'
import { type Operation, type PathParameter, replySchema, type ResponseNote } from '../operation.ts'

export interface OpenApiOptions {
  readonly version: string
  /** Where the interface is mounted: `/api`. */
  readonly base: string
}

export function toOpenApi(
  endpoints: readonly Endpoint[],
  { version, base }: OpenApiOptions,
): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of endpoints.flatMap((endpoint) => endpoint.operations)) {
    const path = (paths[operation.path] ??= {})
    path[operation.method] = toOperation(operation)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Trijet dynamic API',
      version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: base }],
    // Programs of this machine need to show nothing, others a token or a client certificate.
    security: [{}, { token: [] }, { certificate: [] }],
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        certificate: { type: 'mutualTLS' },
      },
      responses: {
        Unknown: toResponse({ description: 'Who asks must show a token.', schema: replySchema }),
        Denied: toResponse({ description: 'It was not granted to who asks.', schema: replySchema }),
      },
    },
  }
}

function toOperation(operation: Operation): Record<string, unknown> {
  const { summary, description, query = [], body, responses, method, path } = operation
  return {
    operationId: `${method}${path.replaceAll(/[^A-Za-z0-9]+/g, '_')}`,
    tags: [path.split('/')[2]],
    summary,
    ...(description !== undefined && { description }),
    parameters: [
      ...pathParameters(operation).map((parameter) => ({
        in: 'path',
        required: true,
        ...parameter,
      })),
      ...query.map(({ required = false, ...parameter }) => ({
        in: 'query',
        required,
        ...parameter,
      })),
    ],
    ...(body !== undefined && {
      requestBody: { required: true, content: { 'application/json': { schema: body } } },
    }),
    responses: {
      401: { $ref: '#/components/responses/Unknown' },
      403: { $ref: '#/components/responses/Denied' },
      ...Object.fromEntries(
        Object.entries(responses).map(([status, note]) => [status, toResponse(note)]),
      ),
    },
  }
}

function pathParameters({ path, parameters = [] }: Operation): readonly PathParameter[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => {
    const known = parameters.find((parameter) => parameter.name === name)
    return known ?? { name, description: name, schema: { type: 'string' } }
  })
}

function toResponse({
  description,
  schema,
  type = 'application/json',
}: ResponseNote): Record<string, unknown> {
  return schema === undefined ? { description } : { description, content: { [type]: { schema } } }
}

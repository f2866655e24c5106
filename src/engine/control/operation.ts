/**
 * What one method on one path does, as data: the only source of the OpenAPI document and the page to try
 * the interface. Endpoints declare their operations beside their code.
 */

/** A JSON Schema, as far as the interface needs one (OpenAPI 3.1 takes it as it is). */
export interface Schema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean' | 'null'
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean
  readonly items?: Schema
  readonly enum?: readonly (string | number)[]
  readonly const?: string | number
  readonly examples?: readonly unknown[]
}

export interface PathParameter {
  /** As it stands between braces in the path. */
  readonly name: string
  readonly description: string
  readonly schema: Schema
}

export interface QueryParameter {
  readonly name: string
  readonly description: string
  readonly schema: Schema
  readonly required?: boolean
}

export interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'delete' | 'patch'
  /** Below the location of the interface: `/v1/stream_srv`, `/v1/hc/{type}/{upstream}`. */
  readonly path: string
  /** What is known about the names between braces; those that are not here are texts. */
  readonly parameters?: readonly PathParameter[]
  readonly summary: string
  readonly description?: string
  readonly query?: readonly QueryParameter[]
  /** Schema of the JSON body, where there is one. */
  readonly body?: Schema
  /** By HTTP status. */
  readonly responses: Readonly<Record<number, ResponseNote>>
}

export interface ResponseNote {
  readonly description: string
  readonly schema?: Schema
  readonly type?: 'application/json' | 'text/plain'
}

/** Marks a change as one that is only to be tried. */
export const dryRunParameter: QueryParameter = {
  name: 'dry_run',
  description:
    'With 1, every process says whether it could make the change, and nothing is changed.',
  schema: { type: 'integer', enum: [0, 1] },
}

export const replySchema: Schema = {
  type: 'object',
  properties: {
    data: { type: 'array', items: { type: 'string' }, description: 'What failed, item by item.' },
    code: {
      type: 'integer',
      description: '0 is success; anything else says that nothing, or not all, was done.',
    },
    msg: { type: 'string' },
  },
  required: ['code', 'msg'],
}

/** The replies that every change has. */
export const changeResponses: Readonly<Record<number, ResponseNote>> = {
  200: {
    description: 'Done in every worker when `code` is 0; refused by the engine otherwise.',
    schema: replySchema,
  },
  500: { description: 'The engine did not answer in time.', schema: replySchema },
}

/** How an instruction that fails a check is answered. */
export const invalidRequest: ResponseNote = {
  description: 'The request is not of its form.',
  type: 'text/plain',
  schema: replySchema,
}

export const serverAddressProperties: Readonly<Record<string, Schema>> = {
  listens: {
    type: 'array',
    items: { type: 'string' },
    description: 'Addresses the server listens on; " udp" behind one for datagrams.',
    examples: [['0.0.0.0:22222']],
  },
  serverNames: { type: 'array', items: { type: 'string' }, examples: [['server-17082']] },
}

/** The operations of an endpoint of instructions: `GET` lists, `POST` adds, `PUT` deletes (reference §1b). */
import {
  changeResponses,
  dryRunParameter,
  invalidRequest,
  type Operation,
  type Schema,
} from './operation.ts'

type Properties = Readonly<Record<string, Schema>>

export interface InstructionDescription {
  /** `/v1/dyn_srv` */
  readonly path: string
  /** What it lists, where it does. */
  readonly list?: { readonly summary: string; readonly description: string }
  readonly add: ChangeDescription
  readonly del: ChangeDescription
}

interface ChangeDescription {
  readonly summary: string
  readonly description: string
  /** Fields beside `type`. */
  readonly properties: Properties
  readonly required: readonly string[]
  /** A whole request but for its type. */
  readonly example?: Readonly<Record<string, unknown>>
}

export function instructionOperations(about: InstructionDescription): readonly Operation[] {
  const { path, list, add, del } = about
  return [
    ...(list === undefined ? [] : [listOperation(path, list)]),
    changeOperation(path, 'add', add),
    changeOperation(path, 'del', del),
  ]
}

/** Fields that a request may have, as its schema says. */
export function parametersOf({ properties }: ChangeDescription): ReadonlySet<string> {
  return new Set(['type', ...Object.keys(properties)])
}

function listOperation(
  path: string,
  { summary, description }: NonNullable<InstructionDescription['list']>,
): Operation {
  return { method: 'get', path, summary, responses: { 200: { description } } }
}

function changeOperation(
  path: string,
  type: 'add' | 'del',
  { summary, description, properties, required, example }: ChangeDescription,
): Operation {
  return {
    method: type === 'add' ? 'post' : 'put',
    path,
    summary,
    description,
    query: [dryRunParameter],
    body: {
      type: 'object',
      additionalProperties: false,
      properties: { type: { type: 'string', const: type }, ...properties },
      required: ['type', ...required],
      ...(example && { examples: [{ type, ...example }] }),
    },
    responses: { ...changeResponses, 400: invalidRequest },
  }
}

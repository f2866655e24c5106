/** The API of members, as its document shows it (reference Annex B, `helper_upstream.yaml`). */
import { dryRunParameter, type Operation, type ResponseNote, type Schema } from '../operation.ts'
import type { SubsystemName } from '../server-index.ts'

const integer: Schema = { type: 'integer' }
const flag: Schema = { type: 'boolean' }

function seconds(example: string): Schema {
  return { type: 'string', examples: [example] }
}

const settings: Readonly<Record<string, Schema>> = {
  weight: { ...integer, description: '1 unless given.' },
  max_conns: { ...integer, description: 'Connections at a time; 0: without limit.' },
  max_fails: { ...integer, description: 'Failures that put it out of use; 0: none do.' },
  fail_timeout: seconds('10s'),
  slow_start: seconds('0s'),
  down: flag,
}

const httpSettings: Readonly<Record<string, Schema>> = {
  route: { type: 'string', description: 'Its name for clients that are bound to it.' },
  drain: { ...flag, description: 'Takes clients that are bound to it, and no others.' },
}

const address: Schema = {
  type: 'string',
  description: 'Address with its port, or a host name that is looked up again and again.',
  examples: ['127.0.0.1:8080'],
}

const fault: Schema = {
  type: 'object',
  properties: {
    error: {
      type: 'object',
      properties: { status: integer, text: { type: 'string' }, code: { type: 'string' } },
    },
    request_id: { type: 'string' },
    href: { type: 'string' },
  },
}

function faults(...statuses: readonly number[]): Readonly<Record<number, ResponseNote>> {
  const note = { description: 'Why not.', schema: fault }
  return Object.fromEntries(statuses.map((status) => [status, note]))
}

const fieldsParameter = {
  name: 'fields',
  description:
    'What is shown of a group beside its name, separated by commas; everything unless given.',
  schema: { type: 'string' },
} as const

function operationsOf(subsystem: SubsystemName): readonly Operation[] {
  const own = subsystem === 'http' ? { ...settings, ...httpSettings } : settings
  const all = `/v1/upstream_api/${subsystem}/upstreams`
  const member: Schema = {
    type: 'object',
    properties: {
      id: integer,
      server: address,
      service: { type: 'string', description: 'Service whose SRV records are looked up.' },
      ...own,
      backup: flag,
      parent: { ...integer, description: 'Member whose name was looked up.' },
      host: { type: 'string', description: 'The name.' },
    },
  }
  const shown: ResponseNote = { description: 'The member.', schema: member }
  const members: ResponseNote = {
    description: 'The members; addresses of a name come behind it.',
    schema: { type: 'array', items: member },
  }
  const one = `${all}/{name}/servers/{id}`
  const body = { ...own, server: address }
  return [
    {
      method: 'get',
      path: `${all}/`,
      summary: `Shows the ${subsystem} upstream groups that have a zone`,
      query: [fieldsParameter],
      responses: { 200: { description: 'The groups with their peers.' }, ...faults(404) },
    },
    {
      method: 'get',
      path: `${all}/{name}/`,
      summary: 'Shows an upstream group and what is counted of its peers',
      query: [fieldsParameter],
      responses: { 200: { description: 'The group.' }, ...faults(400, 404) },
    },
    {
      method: 'delete',
      path: `${all}/{name}/`,
      summary: 'Lets the counters of a group begin from zero',
      responses: { 204: { description: 'Done.' }, ...faults(400, 404, 405) },
    },
    {
      method: 'get',
      path: `${all}/{name}/servers/`,
      summary: 'Lists the members of an upstream group',
      responses: { 200: members, ...faults(400, 404) },
    },
    {
      method: 'post',
      path: `${all}/{name}/servers/`,
      summary: 'Adds a member to an upstream group',
      description: 'It keeps its number and outlives restarts. Other members are not disturbed.',
      query: [dryRunParameter],
      body: {
        type: 'object',
        additionalProperties: false,
        properties: {
          ...body,
          id: {
            ...integer,
            description: 'A number that no member has; the next one unless given.',
          },
          service: { type: 'string' },
          backup: flag,
        },
        required: ['server'],
        examples: [{ server: '127.0.0.1:8080', weight: 2 }],
      },
      responses: { 201: shown, ...faults(400, 404, 405, 409, 415) },
    },
    {
      method: 'get',
      path: one,
      summary: 'Shows a member of an upstream group',
      responses: { 200: shown, ...faults(400, 404) },
    },
    {
      method: 'patch',
      path: one,
      summary: 'Changes a member of an upstream group',
      description: 'What is not named stays as it is.',
      query: [dryRunParameter],
      body: {
        type: 'object',
        additionalProperties: false,
        properties: body,
        examples: [{ down: true }],
      },
      responses: { 200: shown, ...faults(400, 404, 405, 415) },
    },
    {
      method: 'delete',
      path: one,
      summary: 'Takes a member out of an upstream group',
      description: 'Requests that it has begun are served to their end.',
      query: [dryRunParameter],
      responses: { 200: members, ...faults(400, 404, 405) },
    },
  ]
}

export const memberOperations: readonly Operation[] = [
  ...operationsOf('http'),
  ...operationsOf('stream'),
]

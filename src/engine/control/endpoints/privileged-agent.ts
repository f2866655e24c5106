/**
 * `/api/v1/privilege_agent`: whether changes can be made now (reference §1b).
 *
 * OpenNJet has an agent that applies a change first; here every worker does, so the answer is whether one
 * serves.
 */
import { type Endpoint, json, notFound } from '../api.ts'
import type { Operation } from '../operation.ts'

const operation: Operation = {
  method: 'get',
  path: '/v1/privilege_agent',
  summary: 'Tells whether changes can be made',
  responses: {
    200: {
      description: '`ready` is true when a worker serves that can take a change.',
      schema: {
        type: 'object',
        properties: { ready: { type: 'boolean' } },
        required: ['ready'],
        examples: [{ ready: true }],
      },
    },
  },
}

export const privilegedAgent: Endpoint = {
  key: '/v1/privilege_agent',
  operations: [operation],
  handle: async (request, plane) => {
    if (request.path.length > 0 || request.method !== 'GET') return notFound()
    const processes = await plane.processes()
    const serving = processes.some(
      ({ title, state }) => title === 'worker process' && state === 'serving',
    )
    return json(200, { ready: serving })
  },
}

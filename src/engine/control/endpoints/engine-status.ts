/**
 * Is it alive, does it serve, how is it: what supervisors ask of the engine.
 *
 * ```text
 *   GET /api/v2/health        200 while control answers
 *   GET /api/v2/ready         200 while all workers serve, 503 with the reasons otherwise
 *   GET /api/v2/diagnostics   every process: memory, delay of its event loop, connections
 *   GET /api/v2/metrics       all figures, for Prometheus
 * ```
 */
import { performance } from 'node:perf_hooks'
import { type ApiRequest, type Endpoint, json, notFound } from '../api.ts'
import { type ProcessReport, processReports, unreadiness } from '../diagnostics.ts'
import { engineMetrics } from '../metrics/engine-metrics.ts'
import { exposition } from '../metrics/exposition.ts'
import type { Operation, Schema } from '../operation.ts'
import type { ControlPlane } from '../plane.ts'

/** `now` by the wall clock. */
type Handler = (plane: ControlPlane, now: number, headers: Headers) => Promise<Response>

function endpoint(operation: Operation, handle: Handler, now: () => number = Date.now): Endpoint {
  return {
    key: operation.path,
    operations: [operation],
    handle: async ({ path, method, headers }: ApiRequest, plane) =>
      path.length > 0 || method !== 'GET' ? notFound() : handle(plane, now(), headers),
  }
}

const number: Schema = { type: 'number' }

export const health: Endpoint = endpoint(
  {
    method: 'get',
    path: '/v2/health',
    summary: 'Tells that control is alive',
    responses: {
      200: {
        description: 'It answers.',
        schema: {
          type: 'object',
          properties: {
            status: { type: 'string', const: 'alive' },
            pid: { type: 'integer' },
            uptimeMs: { type: 'integer' },
          },
        },
      },
    },
  },
  async () =>
    uncached(200, {
      status: 'alive',
      pid: process.pid,
      uptimeMs: Math.round(performance.now()),
    }),
)

const readySchema: Schema = {
  type: 'object',
  properties: {
    ready: { type: 'boolean' },
    reasons: { type: 'array', items: { type: 'string' } },
  },
  required: ['ready', 'reasons'],
}

export const ready: Endpoint = endpoint(
  {
    method: 'get',
    path: '/v2/ready',
    summary: 'Tells whether all workers serve',
    responses: {
      200: { description: 'They do.', schema: readySchema },
      503: { description: 'They do not; the reasons say why.', schema: readySchema },
    },
  },
  async (plane, now) => {
    const reasons = await reasonsOf(plane, now)
    return uncached(reasons.length === 0 ? 200 : 503, { ready: reasons.length === 0, reasons })
  },
)

/** A master that cannot be asked is a reason as well. */
async function reasonsOf(plane: ControlPlane, now: number): Promise<readonly string[]> {
  try {
    return unreadiness(await processReports(plane, now))
  } catch (error) {
    return [(error as Error).message]
  }
}

export const diagnostics: Endpoint = endpoint(
  {
    method: 'get',
    path: '/v2/diagnostics',
    summary: 'Shows how every process is',
    description:
      'Memory, delay and use of the event loop over the last two seconds, connections, and the revision that is in force there. What a process does not report is null.',
    responses: {
      200: {
        description: 'The master first, then workers and copilots.',
        schema: {
          type: 'object',
          properties: {
            time: { type: 'string' },
            revision: { type: 'integer' },
            ready: { type: 'boolean' },
            reasons: { type: 'array', items: { type: 'string' } },
            processes: {
              type: 'array',
              items: {
                type: 'object',
                properties: {
                  role: { type: 'string', examples: ['worker', 'copilot ctrl'] },
                  title: { type: 'string' },
                  pid: { type: 'integer' },
                  state: { type: 'string', enum: ['starting', 'serving', 'stopping'] },
                  restarts: { type: 'integer' },
                  uptimeMs: number,
                  silentMs: number,
                  memory: { type: 'object' },
                  eventLoop: { type: 'object' },
                  connections: number,
                  revision: number,
                },
              },
            },
          },
        },
      },
    },
  },
  async (plane, now) => {
    const reports = await processReports(plane, now)
    const reasons = unreadiness(reports)
    return uncached(200, {
      time: new Date(now).toISOString(),
      revision: plane.version().revision,
      ready: reasons.length === 0,
      reasons,
      processes: reports.map((report) => processJson(report, now)),
    })
  },
)

function processJson(report: ProcessReport, now: number): Readonly<Record<string, unknown>> {
  const { role, title, pid, state, restarts, vitals, silentMs, residentBytes } = report
  return {
    role,
    title,
    pid,
    state,
    restarts,
    uptimeMs: vitals === undefined ? null : Math.max(0, Math.round(now - vitals.startedAt)),
    silentMs: silentMs ?? null,
    memory: {
      residentBytes: residentBytes ?? null,
      heapUsedBytes: vitals?.heapUsedBytes ?? null,
      heapTotalBytes: vitals?.heapTotalBytes ?? null,
      externalBytes: vitals?.externalBytes ?? null,
    },
    eventLoop:
      vitals === undefined
        ? null
        : {
            delayMs: {
              p50: rounded(vitals.delayP50Ms),
              p90: rounded(vitals.delayP90Ms),
              p99: rounded(vitals.delayP99Ms),
              max: rounded(vitals.delayMaxMs),
            },
            utilization: rounded(vitals.utilization),
          },
    connections: role === 'worker' ? (vitals?.connections ?? null) : null,
    revision: ['worker', 'master'].includes(role) ? (vitals?.revision ?? null) : null,
  }
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}

export const metrics: Endpoint = endpoint(
  {
    method: 'get',
    path: '/v2/metrics',
    summary: 'Shows all figures of the engine as metrics of Prometheus',
    responses: {
      200: {
        description:
          'The text format, version 0.0.4; protobuf with native histograms where `Accept` asks for it.',
        type: 'text/plain',
        schema: { type: 'string' },
      },
    },
  },
  async (plane, now, headers) => exposition(await engineMetrics(plane, now), headers.get('accept')),
)

function uncached(status: number, value: unknown): Response {
  const response = json(status, value)
  response.headers.set('cache-control', 'no-store')
  return response
}

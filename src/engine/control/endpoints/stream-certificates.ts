/**
 * `/api/v1/stream_ssl`: certificates of stream servers (reference §1b).
 *
 * `PUT` with `type` `add` gives a server one more pair, `del` takes it away, both live; `GET` dumps the
 * pairs of every server that has some.
 */
import { type ApiRequest, changeResponse, type Endpoint, json, notFound } from '../api.ts'
import { nonEmptyString, stringList } from '../declaration.ts'
import type { DynamicState } from '../dynamic-state.ts'
import type { Edit } from '../instruction.ts'
import { type CertificateBody, certificatesOf } from '../instructions/stream-certificate.ts'
import { listenAddrPort } from '../listen-address.ts'
import {
  changeResponses,
  dryRunParameter,
  type Operation,
  serverAddressProperties,
} from '../operation.ts'
import { certificateKey } from '../overrides.ts'
import { Refusal, replyCodes } from '../refusal.ts'
import { findAddressed, formatServer } from '../server-address.ts'

interface CertificateRequest extends CertificateBody {
  readonly type: 'add' | 'del'
}

const operations: readonly Operation[] = [
  {
    method: 'get',
    path: '/v1/stream_ssl',
    summary: 'Lists certificates of stream servers',
    responses: { 200: { description: 'Every server that has certificates, with its pairs.' } },
  },
  {
    method: 'put',
    path: '/v1/stream_ssl',
    summary: 'Adds or takes away a certificate',
    description: 'Of two certificates with the same kind of key the one added last is shown.',
    query: [dryRunParameter],
    body: {
      type: 'object',
      properties: {
        type: { type: 'string', enum: ['add', 'del'] },
        ...serverAddressProperties,
        cert_info: {
          type: 'object',
          properties: {
            cert_type: { type: 'string', enum: ['rsa', 'ecc'] },
            certificate: { type: 'string', description: 'A path, or "data:" and the PEM.' },
            certificateKey: { type: 'string', description: 'A path, or "data:" and the PEM.' },
          },
          required: ['certificate', 'certificateKey'],
        },
      },
      required: ['type', 'listens', 'serverNames', 'cert_info'],
    },
    responses: changeResponses,
  },
]

export const streamCertificates: Endpoint = {
  key: '/v1/stream_ssl',
  operations,
  handle: async (request, plane) => {
    if (request.path.length > 0) return notFound()
    if (request.method === 'GET') return json(200, { servers: dump(plane.state()) })
    if (request.method !== 'PUT') return notFound()
    try {
      const body = parseRequest(request)
      const edits = (state: DynamicState): readonly Edit[] => toEdits(body, state)
      const { action, actor, dryRun, timeoutMs } = request
      return changeResponse(await plane.change({ edits, action, actor, dryRun, timeoutMs }))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return json(200, error.reply)
    }
  },
}

function dump({ stream }: DynamicState): readonly unknown[] {
  const servers: unknown[] = []
  for (const { node, addresses, names } of stream.servers()) {
    const certificates = certificatesOf(node).map((info) => ({ cert_type: 'other', ...info }))
    if (certificates.length === 0) continue
    servers.push({ listens: addresses.map(listenAddrPort), serverNames: names, certificates })
  }
  return servers
}

function toEdits({ type, ...body }: CertificateRequest, state: DynamicState): readonly Edit[] {
  const server = findAddressed(state.stream, body)
  if (server === undefined) {
    throw new Refusal(replyCodes.failure, ` can\`t find server by ${formatServer(body)}`)
  }
  const key = certificateKey(server, body.cert_info.certificate)
  if (type === 'del') {
    if (!state.instructions.has(key)) {
      throw new Refusal(replyCodes.failure, ' the certificate was not added dynamically')
    }
    return [{ key, body: null }]
  }
  if (certificatesOf(server.node).some((info) => info.certificate === body.cert_info.certificate)) {
    throw new Refusal(replyCodes.certificateRepeated, ' dyn ssl cert repeated')
  }
  return [{ key, body: JSON.stringify(body) }]
}

function parseRequest({ body = '' }: ApiRequest): CertificateRequest {
  const fields = parseObject(body)
  const info = fields['cert_info']
  if (typeof info !== 'object' || info === null) {
    throw new Refusal(replyCodes.invalidJson, '"cert_info" must be an object')
  }
  const { cert_type = 'rsa', certificate, certificateKey: key } = info as Record<string, unknown>
  return {
    type: parseType(fields['type']),
    listens: stringList(fields['listens'], 'listens'),
    serverNames: stringList(fields['serverNames'] ?? [], 'serverNames'),
    cert_info: {
      cert_type: parseCertificateType(cert_type),
      certificate: nonEmptyString(certificate, 'certificate'),
      certificateKey: nonEmptyString(key, 'certificateKey'),
    },
  }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Said below, as for anything else that is no object.
  }
  throw new Refusal(replyCodes.invalidJson, 'invalid json format.')
}

function parseType(type: unknown): 'add' | 'del' {
  if (type === 'add' || type === 'del') return type
  throw new Refusal(replyCodes.failure, '"type" must be "add" or "del"')
}

function parseCertificateType(type: unknown): string {
  if (type === 'rsa' || type === 'ecc') return type
  const reason = type === 'ntls' ? ': national cryptography suites are not supported' : ''
  throw new Refusal(
    replyCodes.badParameter,
    ` cert_type ${JSON.stringify(type)} is invalid${reason}`,
  )
}

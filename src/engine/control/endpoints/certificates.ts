/**
 * `/api/v1/ssl` and `/api/v1/stream_ssl`: certificates of servers (reference §1b).
 *
 * `PUT` with `type` `add` gives a server one more pair, `del` takes it away, both live; `GET` dumps the
 * pairs of every server that has some.
 */
import { type ApiRequest, type Endpoint, json, notFound } from '../api.ts'
import { nonEmptyString, stringList } from '../shape.ts'
import type { DynamicState } from '../dynamic-state.ts'
import { change, isObject, parseObject, refuseUnknown } from '../instruction-request.ts'
import type { Edit } from '../instruction.ts'
import {
  type CertificateBody,
  type CertificateInfo,
  type CertificateKind,
  certificatesOf,
  httpCertificate,
  refuseRepeated,
  streamCertificate,
} from '../instructions/certificate.ts'
import { listenAddrPort } from '../listen-address.ts'
import {
  changeResponses,
  dryRunParameter,
  type Operation,
  type Schema,
  serverAddressProperties,
} from '../operation.ts'
import { certificateKey } from '../overrides.ts'
import { Refusal, replyCodes } from '../refusal.ts'
import { requireAddressed } from '../server-address.ts'
import type { IndexedServer } from '../server-index.ts'

interface CertificateRequest extends CertificateBody {
  readonly type: 'add' | 'del'
}

const pairSchema: Schema = {
  type: 'object',
  properties: {
    cert_type: { type: 'string', enum: ['rsa', 'ecc'] },
    certificate: { type: 'string', description: 'A path, or "data:" and the PEM.' },
    certificateKey: { type: 'string', description: 'A path, or "data:" and the PEM.' },
  },
  required: ['certificate', 'certificateKey'],
}

const parameters = new Set(['type', 'listens', 'serverNames', 'cert_info'])
/** Of national cryptography. */
const secondPair = ['certificateEnc', 'certificateKeyEnc']
const infoParameters = new Set([...Object.keys(pairSchema.properties!), ...secondPair])

export const httpCertificates: Endpoint = createCertificates(httpCertificate, '/v1/ssl')

export const streamCertificates: Endpoint = createCertificates(streamCertificate, '/v1/stream_ssl')

function createCertificates(kind: CertificateKind, path: string): Endpoint {
  return {
    key: path,
    operations: operationsOf(kind, path),
    handle: async (request, plane) => {
      if (request.path.length > 0) return notFound()
      if (request.method === 'GET') return json(200, { servers: dump(plane.state(), kind) })
      if (request.method !== 'PUT') return notFound()
      return change(request, plane, () => {
        const body = parseRequest(request)
        return (state) => [toEdit(body, kind, state)]
      })
    },
  }
}

function operationsOf({ subsystem }: CertificateKind, path: string): readonly Operation[] {
  const servers = subsystem === 'http' ? 'HTTP servers' : 'stream servers'
  return [
    {
      method: 'get',
      path,
      summary: `Lists certificates of ${servers}`,
      responses: { 200: { description: 'Every server that has certificates, with its pairs.' } },
    },
    {
      method: 'put',
      path,
      summary: `Adds a certificate to one of the ${servers}, or takes it away`,
      description: 'Of two certificates with the same kind of key the one added last is shown.',
      query: [dryRunParameter],
      body: {
        type: 'object',
        properties: {
          type: { type: 'string', enum: ['add', 'del'] },
          ...serverAddressProperties,
          cert_info: pairSchema,
        },
        required: ['type', 'listens', 'serverNames', 'cert_info'],
      },
      responses: changeResponses,
    },
  ]
}

function dump(state: DynamicState, kind: CertificateKind): readonly unknown[] {
  const servers: unknown[] = []
  for (const server of state[kind.subsystem].servers()) {
    const certificates = certificatesOf(server.node).map((info) => ({
      cert_type: typeOf(state, kind, server, info),
      ...info,
    }))
    if (certificates.length === 0) continue
    const { addresses, names } = server
    servers.push({ listens: addresses.map(listenAddrPort), serverNames: names, certificates })
  }
  return servers
}

/** What was said of it when it was added; nothing was said of those in the files. */
function typeOf(
  { instructions }: DynamicState,
  kind: CertificateKind,
  server: IndexedServer,
  { certificate }: CertificateInfo,
): string {
  const text = instructions.get(certificateKey(kind, server, certificate))
  if (text === undefined) return 'other'
  return (JSON.parse(text) as CertificateBody).cert_info.cert_type ?? 'other'
}

function toEdit(
  { type, ...body }: CertificateRequest,
  kind: CertificateKind,
  state: DynamicState,
): Edit {
  const server = requireAddressed(state[kind.subsystem], body)
  const key = certificateKey(kind, server, body.cert_info.certificate)
  if (type === 'add') {
    refuseRepeated(server.node, body.cert_info)
    return { key, body: JSON.stringify(body) }
  }
  if (state.instructions.has(key)) return { key, body: null }
  throw new Refusal(replyCodes.failure, ' the certificate was not added dynamically')
}

function parseRequest({ body = '' }: ApiRequest): CertificateRequest {
  const fields = parseObject(body, parameters)
  const info = fields['cert_info']
  if (!isObject(info)) throw new Refusal(replyCodes.invalidJson, '"cert_info" must be an object')
  refuseUnknown(info, infoParameters)
  const { cert_type = 'rsa', certificate, certificateKey: key } = info
  const type = parseCertificateType(cert_type)
  refuseSecondPair(info)
  return {
    type: parseType(fields['type']),
    listens: stringList(fields['listens'], 'listens'),
    serverNames: stringList(fields['serverNames'] ?? [], 'serverNames'),
    cert_info: {
      cert_type: type,
      certificate: nonEmptyString(certificate, 'certificate'),
      certificateKey: nonEmptyString(key, 'certificateKey'),
    },
  }
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

/** Certificates for encryption beside those for signing belong to a type that there is not. */
function refuseSecondPair(info: Readonly<Record<string, unknown>>): void {
  for (const name of secondPair) {
    if ((info[name] ?? '') === '') continue
    throw new Refusal(replyCodes.badParameter, ` ${name} is for cert_type "ntls" only`)
  }
}

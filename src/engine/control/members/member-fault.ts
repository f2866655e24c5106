/** What the API of members answers when something is wrong (reference §1b). */
import { randomBytes } from 'node:crypto'

export type MemberFaultCode =
  | 'PathNotFound'
  | 'UpstreamNotFound'
  | 'UpStreamBadServerId'
  | 'UpStreamServerNotFound'
  | 'MethodNotSupported'
  | 'UpstreamStatic'
  | 'UpstreamServerImmutable'
  | 'TooLargePostBody'
  | 'UpstreamBadRoute'
  | 'UpstreamConfFormatError'
  | 'InvalidJsonBody'
  | 'DomainName'
  | 'JsonError'
  | 'UpstreamConfNoResolver'
  | 'UpstreamBadWeight'
  | 'UpstreamBadAddress'
  | 'UpstreamServer Immutable'
  | 'UpstreamNoBackup'
  | 'EntryExists'
  | 'Timeout'

const faults: Readonly<Record<MemberFaultCode, readonly [status: number, text: string]>> = {
  PathNotFound: [404, 'path not found'],
  UpstreamNotFound: [404, 'upstream not found'],
  UpStreamBadServerId: [400, 'invalid server id'],
  UpStreamServerNotFound: [404, 'server not found'],
  MethodNotSupported: [405, 'method not supported'],
  UpstreamStatic: [400, 'upstream is static'],
  UpstreamServerImmutable: [400, 'server not removeable'],
  TooLargePostBody: [405, 'too large post body'],
  UpstreamBadRoute: [400, 'route is longer than 32'],
  UpstreamConfFormatError: [400, 'invalid parameter'],
  InvalidJsonBody: [405, 'invalid json body'],
  DomainName: [405, "domain name isn't supported"],
  JsonError: [415, 'json error'],
  UpstreamConfNoResolver: [400, 'no resolver defined to resolve'],
  UpstreamBadWeight: [400, 'invalid weight'],
  UpstreamBadAddress: [400, 'invalid "server" argument'],
  'UpstreamServer Immutable': [400, 'server address is immutable'],
  UpstreamNoBackup: [400, 'upstream has no backup'],
  EntryExists: [409, 'server id exists'],
  Timeout: [500, 'rpc timeout'],
}

export class MemberFault extends Error {
  readonly code: MemberFaultCode
  readonly status: number

  /** Without a text of its own, the code's. */
  constructor(code: MemberFaultCode, text: string = faults[code][1]) {
    super(text)
    this.name = 'MemberFault'
    this.code = code
    this.status = faults[code][0]
  }
}

const href = 'https://njet.org/en/docs/http/njt_http_api_module.html'

/** `{"error":{"status":404,"text":"upstream not found","code":"UpstreamNotFound"},"request_id":…,"href":…}` */
export function faultResponse({ status, message: text, code }: MemberFault): Response {
  const error = { status, text, code }
  const body = JSON.stringify({ error, request_id: randomBytes(16).toString('hex'), href })
  return new Response(body, { status, headers: { 'content-type': 'application/json' } })
}

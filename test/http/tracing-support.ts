/** An engine that traces, in front of a backend; its records are read as the copilot does. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import {
  type AttemptRecord,
  decodeAttempt,
  isAttempt,
} from '../../src/engine/http/telemetry/attempt-record.ts'
import { decodeRecord, type SpanRecord } from '../../src/engine/http/telemetry/span-record.ts'
import { openSpanRings } from '../../src/engine/http/telemetry/span-sink.ts'
import { curl, type HttpAnswer } from '../support/http.ts'
import { freePort } from '../support/ports.ts'
import { type HttpRunner, startHttp } from './support.ts'

export const trace: string = '4bf92f3577b34da6a3ce929d0e0e4736'
export const caller: string = '00f067aa0ba902b7'
export const traceparent: string = `00-${trace}-${caller}-01`

export interface Traced {
  readonly engine: HttpRunner
  readonly port: number
  /** Fields of the requests that came to the backend. */
  readonly seen: IncomingHttpHeaders[]
  /** Asks with curl; `fields` as `Name: value`. */
  ask(path: string, ...fields: readonly string[]): Promise<HttpAnswer>
  /** Records of finished requests, each once. */
  records(): readonly SpanRecord[]
  /** Records of their attempts at upstreams, each once. */
  attempts(): readonly AttemptRecord[]
}

/** A server of those directives in front of a backend. */
export async function serve(t: TestContext, http: string, toml = ''): Promise<Traced> {
  const seen: IncomingHttpHeaders[] = []
  const backend = createServer(({ headers, url }, response) => {
    seen.push(headers)
    const status = /^\/status\/(\d+)/.exec(url!)?.[1] ?? '200'
    response.writeHead(Number(status), { 'X-Backend': 'b', 'Set-Cookie': 'id=secret' })
    response.end('ok')
  })
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
  t.after(() => backend.close())
  const address = `127.0.0.1:${(backend.address() as AddressInfo).port}`
  const port = await freePort()
  const text = http
    .replaceAll('$listen', `listen 127.0.0.1:${port}`)
    .replaceAll('$backend', `http://${address}`)
    .replaceAll('$host_of_backend', address)
  const engine = await startHttp(t, `access_log off; ${text}`, { 'conf/otel.toml': toml })
  const rings = openSpanRings((name, bytes) => engine.zoneMemory.open(name, bytes).buffer)
  const requests: SpanRecord[] = []
  const tries: AttemptRecord[] = []
  const read = (): void => {
    for (const ring of rings.claimed()) {
      ring.read(1000, (bytes, start, end) => {
        if (isAttempt(bytes, start)) tries.push(decodeAttempt(bytes, start))
        else requests.push(decodeRecord(bytes, start, end))
      })
    }
  }
  const records = (): readonly SpanRecord[] => {
    read()
    return requests.splice(0)
  }
  const attempts = (): readonly AttemptRecord[] => {
    read()
    return tries.splice(0)
  }
  const ask = (path: string, ...fields: readonly string[]): Promise<HttpAnswer> =>
    curl(...fields.flatMap((field) => ['-H', field]), `http://127.0.0.1:${port}${path}`)
  return { engine, port, seen, ask, records, attempts }
}

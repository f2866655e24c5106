/** A DNS server for tests: answers from a table, by UDP and TCP, and misbehaves when told to. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket as Connection } from 'node:net'
import type { TestContext } from 'node:test'
import type { InetAddress } from '../../net/address.ts'

export interface TestRecord {
  readonly name: string
  readonly type: number
  readonly ttl?: number
  readonly data: Buffer
}

export function a(name: string, address: string, ttl?: number): TestRecord {
  return {
    name,
    type: 1,
    data: Buffer.from(address.split('.').map(Number)),
    ...(ttl !== undefined && { ttl }),
  }
}

/** `groups` are the eight groups of the address. */
export function aaaa(name: string, groups: readonly number[], ttl?: number): TestRecord {
  const data = Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]))
  return { name, type: 28, data, ...(ttl !== undefined && { ttl }) }
}

export function cname(name: string, target: string): TestRecord {
  return { name, type: 5, data: encodeName(target) }
}

export function srv(
  name: string,
  target: string,
  [priority, weight, port]: readonly [number, number, number],
  ttl?: number,
): TestRecord {
  const data = Buffer.alloc(6)
  for (const [i, value] of [priority, weight, port].entries()) data.writeUInt16BE(value, 2 * i)
  return {
    name,
    type: 33,
    data: Buffer.concat([data, encodeName(target)]),
    ...(ttl !== undefined && { ttl }),
  }
}

export function encodeName(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.')
  const bytes = labels.flatMap((label) => [Buffer.of(label.length), Buffer.from(label, 'latin1')])
  return Buffer.concat([...bytes, Buffer.of(0)])
}

export interface Asked {
  readonly id: number
  readonly name: string
  readonly type: number
  readonly tcp: boolean
  readonly from: RemoteInfo | undefined
}

export interface Behaviour {
  /** What it knows; an answer to a name without records is NXDOMAIN. */
  records: readonly TestRecord[]
  /** Answered in place of the table. */
  rcode?: number
  /** Questions are seen but not answered. */
  silent?: boolean
  /** By UDP all answers are truncated. */
  truncate?: boolean
  /** Changes a response before it is sent. */
  tamper?: (response: Buffer, asked: Asked) => readonly Buffer[]
}

export interface DnsServer {
  readonly address: InetAddress
  readonly asked: readonly Asked[]
  readonly behaviour: Behaviour
}

/** Starts a server on 127.0.0.1 that ends with the test. */
export async function startDnsServer(t: TestContext, behaviour: Behaviour): Promise<DnsServer> {
  const asked: Asked[] = []
  const respond = (query: Buffer, from: RemoteInfo | undefined): readonly Buffer[] => {
    const question = { ...readQuestion(query), tcp: from === undefined, from }
    asked.push(question)
    if (behaviour.silent === true) return []
    const response = encodeResponse(query, question, behaviour)
    return behaviour.tamper?.(response, question) ?? [response]
  }
  const { tcp, udp, port } = await bindBoth()
  t.after(() => {
    udp.close()
    tcp.close()
  })
  tcp.on('connection', (client) => serveTcp(client, (query) => respond(query, undefined)))
  udp.on('message', (query, from) => {
    for (const response of respond(query, from)) udp.send(response, from.port, from.address)
  })
  return { address: { family: 4, host: '127.0.0.1', port }, asked, behaviour }
}

const bindTriesMax = 50

/** A port that is free for TCP need not be free for UDP. */
async function bindBoth(): Promise<{ tcp: Server; udp: Socket; port: number }> {
  for (let tries = 1; ; tries += 1) {
    const tcp = createServer().listen(0, '127.0.0.1')
    await once(tcp, 'listening')
    const { port } = tcp.address() as AddressInfo
    const udp = createSocket('udp4')
    try {
      udp.bind(port, '127.0.0.1')
      await once(udp, 'listening')
      return { tcp, udp, port }
    } catch (error) {
      tcp.close()
      udp.close()
      if (tries === bindTriesMax) throw error
    }
  }
}

function serveTcp(client: Connection, respond: (query: Buffer) => readonly Buffer[]): void {
  client.on('error', () => client.destroy())
  client.once('data', (bytes: Buffer) => {
    for (const response of respond(bytes.subarray(2))) {
      const length = Buffer.of(response.length >> 8, response.length & 0xff)
      // In two pieces, and a byte alone: a reader must put them together.
      client.write(length.subarray(0, 1))
      setImmediate(() => client.end(Buffer.concat([length.subarray(1), response])))
    }
  })
}

const questionAt = 12

function readQuestion(query: Buffer): { id: number; name: string; type: number } {
  const labels: string[] = []
  let at = questionAt
  for (let size = query[at]!; size !== 0; size = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + size))
    at += size + 1
  }
  return { id: query.readUInt16BE(0), name: labels.join('.'), type: query.readUInt16BE(at + 1) }
}

function encodeResponse(
  query: Buffer,
  asked: Asked,
  { records, rcode, truncate }: Behaviour,
): Buffer {
  const known = records.filter(({ name }) => name === asked.name)
  const answers = rcode === undefined ? chase(asked, records) : []
  const cut = truncate === true && !asked.tcp
  const head = Buffer.from(query.subarray(0, questionAt))
  head.writeUInt16BE(0x8180 | (cut ? 0x0200 : 0) | (rcode ?? (known.length === 0 ? 3 : 0)), 2)
  head.writeUInt16BE(cut ? 0 : answers.length, 6)
  const question = Buffer.concat([encodeName(asked.name), query.subarray(-4)])
  return Buffer.concat([head, question, ...(cut ? [] : answers.map(encodeRecord))])
}

/** The records of the type, aliases that lead to them before them. */
function chase({ name, type }: Asked, records: readonly TestRecord[]): readonly TestRecord[] {
  const found: TestRecord[] = []
  let current = name
  for (let i = 0; i < records.length; i += 1) {
    const alias = records.find((record) => record.name === current && record.type === 5)
    if (alias === undefined || type === 5) break
    found.push(alias)
    current = readQuestion(
      Buffer.concat([Buffer.alloc(questionAt), alias.data, Buffer.alloc(4)]),
    ).name
  }
  return [...found, ...records.filter((record) => record.name === current && record.type === type)]
}

function encodeRecord({ name, type, ttl = 300, data }: TestRecord): Buffer {
  const fixed = Buffer.alloc(10)
  fixed.writeUInt16BE(type, 0)
  fixed.writeUInt16BE(1, 2)
  fixed.writeUInt32BE(ttl, 4)
  fixed.writeUInt16BE(data.length, 8)
  return Buffer.concat([encodeName(name), fixed, data])
}

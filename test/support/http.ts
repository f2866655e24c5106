/**
 * HTTP as bytes: a raw request gives a parsed answer, and curl as a peer that we did not write.
 */
import type { NetConnectOpts } from 'node:net'
import { runOk } from './process.ts'
import type { Owner } from './scope.ts'
import { connectTcp } from './tcp.ts'

export interface HttpAnswer {
  readonly status: number
  readonly reason: string
  /** In order of arrival, names as they came. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
  /** The first value of a field by lower-case name. */
  header(name: string): string | undefined
}

/** Parses one answer; the body is decoded when chunked, and cut at its length when that is stated. */
export function parseAnswer(bytes: Buffer, toHead = false): HttpAnswer {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) throw new Error(`no end of the header block in ${bytes.toString('latin1', 0, 500)}`)
  const [first, ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const status = /^HTTP\/1\.[01] (\d{3}) ?(.*)$/.exec(first!)
  if (status === null) throw new Error(`not a status line: ${first}`)
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  const header = (name: string): string | undefined =>
    fields.find(([known]) => known.toLowerCase() === name)?.[1]
  const rest = bytes.subarray(end + 4)
  const body = toHead ? Buffer.alloc(0) : decodeBody(rest, header)
  return { status: Number(status[1]), reason: status[2]!, fields, body, header }
}

function decodeBody(rest: Buffer, header: (name: string) => string | undefined): Buffer {
  if (header('transfer-encoding')?.toLowerCase() === 'chunked') return joinChunks(rest)
  const length = header('content-length')
  if (length === undefined) return rest
  if (rest.length < Number(length)) throw new Error(`body cut: ${rest.length} of ${length} bytes`)
  return rest.subarray(0, Number(length))
}

function joinChunks(rest: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; ;) {
    const lineEnd = rest.indexOf('\r\n', at)
    const size = Number.parseInt(rest.toString('latin1', at, lineEnd), 16)
    if (lineEnd < 0 || Number.isNaN(size)) throw new Error(`bad chunk at byte ${at}`)
    if (size === 0) return Buffer.concat(parts)
    const start = lineEnd + 2
    if (start + size + 2 > rest.length) throw new Error(`chunk cut at byte ${start}`)
    parts.push(rest.subarray(start, start + size))
    at = start + size + 2
  }
}

/** Sends bytes as they are and reads until the server closes: ask for `Connection: close`. */
export async function rawHttp(
  owner: Owner,
  to: NetConnectOpts,
  bytes: string | Uint8Array,
): Promise<HttpAnswer> {
  const client = await connectTcp(owner, to)
  try {
    await client.send(bytes)
    return parseAnswer(await client.readAll({ orReset: true }))
  } finally {
    client.close()
  }
}

/** Runs curl; `args` are its own, the answer is what it printed with `--include`. */
export async function curl(...args: string[]): Promise<HttpAnswer> {
  const output = await runOk(['curl', '--silent', '--show-error', '--include', '--raw', ...args])
  return parseAnswer(Buffer.from(output), args.includes('--head'))
}

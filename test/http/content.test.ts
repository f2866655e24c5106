/**
 * Bodies on their way: large files for slow clients, packed bodies, pieces that must not be held back, and
 * what is left when a client goes away.
 */
import assert from 'node:assert/strict'
import { readdirSync, readlinkSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import {
  brotliCompressSync,
  brotliDecompressSync,
  createGunzip,
  gunzipSync,
  gzipSync,
  zstdDecompressSync,
} from 'node:zlib'
import { type HttpAnswer, rawHttp } from '../support/http.ts'
import { freePort } from '../support/ports.ts'
import { onEnd, type Owner } from '../support/scope.ts'
import { connectTcp } from '../support/tcp.ts'
import type { Files } from '../support/temp-prefix.ts'
import { until } from '../support/wait.ts'
import { type HttpRunner, startHttp } from './support.ts'

interface Site {
  readonly runner: HttpRunner
  readonly port: number
  ask(target: string, fields?: string): Promise<HttpAnswer>
}

async function serve(owner: Owner, server: string, files: Files): Promise<Site> {
  const port = await freePort()
  const types = 'types { text/html html; text/plain txt; }'
  const runner = await startHttp(
    owner,
    `access_log off; ${types} server { listen 127.0.0.1:${port}; root html; ${server} }`,
    files,
  )
  const ask = (target: string, fields = ''): Promise<HttpAnswer> =>
    rawHttp(owner, { host: '127.0.0.1', port }, request(target, fields))
  return { runner, port, ask }
}

function request(target: string, fields = ''): string {
  return `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${fields}\r\n`
}

/** Descriptors of this process that are open on a file. */
function descriptorsOf(path: string): number {
  return readdirSync('/proc/self/fd').filter((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`) === path
    } catch {
      return false
    }
  }).length
}

const linux = process.platform === 'linux' ? false : 'looks into /proc'
const page = '<p>a page that can be packed</p>\n'.repeat(200)
const megabyte = 1024 * 1024

/** Asks for something and reads nothing of it until no more is taken from the engine. Bytes of the answer. */
async function readLate(owner: Owner, port: number, target: string): Promise<number> {
  const client = await connectTcp(owner, { host: '127.0.0.1', port })
  client.socket.removeAllListeners('data')
  client.socket.pause()
  const before = process.memoryUsage().arrayBuffers
  await client.send(request(target))
  await standstill(() => process.memoryUsage().arrayBuffers)
  const held = process.memoryUsage().arrayBuffers - before
  assert(held < 8 * megabyte, `${held} bytes are held for a client that does not read`)
  let received = 0
  client.socket.on('data', (chunk) => (received += chunk.length))
  client.socket.resume()
  await until(() => client.ending !== undefined, { what: 'the end of the answer' })
  return received
}

/** Waits until a number has not changed for some turns. */
async function standstill(read: () => number): Promise<void> {
  let last = read()
  let turns = 0
  await until(() => {
    const now = read()
    turns = now === last ? turns + 1 : 0
    last = now
    return turns > 20
  })
}

test('a large file waits for its client', async (t) => {
  const site = await serve(t, '', { 'html/large': '' })
  const bytes = 256 * megabyte
  truncateSync(site.runner.prefix.file('html/large'), bytes)
  const received = await readLate(t, site.port, '/large')
  assert(received > bytes && received < bytes + 1000, `${received} bytes came`)
})

test('several parts of a large file are read where they lie', async (t) => {
  const site = await serve(t, '', { 'html/large': '' })
  const path = site.runner.prefix.file('html/large')
  truncateSync(path, 5 * 1024 * megabyte)
  const far = 5 * 1024 * megabyte - 10
  const answer = await site.ask('/large', `Range: bytes=${far}-,0-4\r\n`)
  assert.equal(answer.status, 206)
  assert(answer.body.includes(`Content-Range: bytes ${far}-${far + 9}/${5 * 1024 * megabyte}\r\n`))
  assert.equal(answer.body.length, Number(answer.header('content-length')))
})

test('a client that goes away leaves no descriptor open', { skip: linux }, async (t) => {
  const site = await serve(t, '', { 'html/large': '' })
  const path = site.runner.prefix.file('html/large')
  truncateSync(path, 64 * megabyte)
  for (let round = 0; round < 5; round++) {
    const client = await connectTcp(t, { host: '127.0.0.1', port: site.port })
    await client.send(request('/large'))
    await client.read(1000)
    client.reset()
  }
  await until(() => descriptorsOf(path) === 0, { what: 'the file to be closed' })
})

test('a file that becomes shorter cuts the connection', { skip: linux }, async (t) => {
  const site = await serve(t, '', { 'html/large': '' })
  const path = site.runner.prefix.file('html/large')
  truncateSync(path, 256 * megabyte)
  const client = await connectTcp(t, { host: '127.0.0.1', port: site.port })
  client.socket.pause()
  await client.send(request('/large'))
  await until(() => descriptorsOf(path) > 0, { what: 'the file to be open' })
  truncateSync(path, 1000)
  client.socket.resume()
  await until(() => client.ending !== undefined, { what: 'the end' })
  assert(client.pending.length < 256 * megabyte)
  await until(() => site.runner.errorLog.includes('it became shorter while it was sent'))
})

test('what unpacks to a thousand times its size waits for its client', async (t) => {
  const bytes = 256 * megabyte
  const site = await serve(t, 'gunzip on; gzip_static always;', {
    'html/bomb.html.gz': gzipSync(Buffer.alloc(bytes)),
  })
  const received = await readLate(t, site.port, '/bomb.html')
  assert(received > bytes, `${received} bytes came`)
})

const decoders = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync } as const

for (const [coding, decode] of Object.entries(decoders)) {
  test(`${coding}: bodies of all sizes come back as they were`, async (t) => {
    const sizes = [20, 1000, 65_535, 65_536, 65_537, 131_072, 131_073, 1_000_000]
    const bodies = sizes.map((size) => page.repeat(Math.ceil(size / page.length)).slice(0, size))
    const files = Object.fromEntries(bodies.map((body, i) => [`html/${i}.html`, body]))
    const site = await serve(t, 'gzip on; brotli on; zstd on; gzip_vary on;', files)
    for (const [i, body] of bodies.entries()) {
      const answer = await site.ask(`/${i}.html`, `Accept-Encoding: ${coding}\r\n`)
      assert.equal(answer.header('content-encoding'), coding)
      assert.equal(answer.header('vary'), 'Accept-Encoding')
      assert.match(answer.header('etag') ?? '', /^W\//)
      assert.equal(decode(answer.body).toString(), body)
    }
  })
}

test('of what a client takes, Brotli goes before zstd and gzip', async (t) => {
  const site = await serve(t, 'gzip on; brotli on; zstd on;', { 'html/p.html': page })
  const coding = async (accepted: string): Promise<string | undefined> =>
    (await site.ask('/p.html', `Accept-Encoding: ${accepted}\r\n`)).header('content-encoding')
  assert.equal(await coding('gzip, deflate, br, zstd'), 'br')
  assert.equal(await coding('gzip, zstd'), 'zstd')
  assert.equal(await coding('gzip, br;q=0'), 'gzip')
  assert.equal(await coding('identity'), undefined)
})

test('brotli_static and zstd_static send what was packed beforehand', async (t) => {
  const site = await serve(t, 'brotli_static on; zstd_static on;', {
    'html/p.html': page,
    'html/p.html.br': brotliCompressSync(page),
    'html/q.html': page,
    'html/q.html.zst': 'taken as it lies there',
  })
  const packed = await site.ask('/p.html', 'Accept-Encoding: br\r\n')
  assert.equal(brotliDecompressSync(packed.body).toString(), page)
  assert.equal(packed.header('content-type'), 'text/html')
  assert.equal((await site.ask('/p.html')).body.toString(), page)
  const zstd = await site.ask('/q.html', 'Accept-Encoding: zstd\r\n')
  assert.equal(zstd.header('content-encoding'), 'zstd')
  assert.equal(zstd.body.toString(), 'taken as it lies there')
})

test('the ratio of packing stands in the log', async (t) => {
  const port = await freePort()
  const runner = await startHttp(
    t,
    `log_format r '$uri $gzip_ratio $brotli_ratio'; access_log logs/r.log r;
     server { listen 127.0.0.1:${port}; root html; default_type text/html; gzip on; brotli on; }`,
    { 'html/p': page },
  )
  for (const coding of ['gzip', 'br', 'none']) {
    await rawHttp(t, { host: '127.0.0.1', port }, request('/p', `Accept-Encoding: ${coding}\r\n`))
  }
  const lines = await until(() => {
    runner.flushLogs()
    const text = runner.prefix.read('logs/r.log')
    return text.split('\n').length > 3 && text.split('\n')
  })
  assert.match(lines[0]!, /^\/p \d+\.\d\d -$/)
  assert.match(lines[1]!, /^\/p - \d+\.\d\d$/)
  assert.equal(lines[2], '/p - -')
})

test('pieces of an unbuffered response reach the client one by one, packed or not', async (t) => {
  const goOn = Promise.withResolvers<void>()
  const upstream = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/html')
    response.write('first piece\n')
    void goOn.promise.then(() => response.end('second piece\n'))
  })
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  onEnd(t, () => void upstream.close())
  const { port } = upstream.address() as AddressInfo
  const proxy = `proxy_pass http://127.0.0.1:${port}; proxy_buffering off;`
  const site = await serve(t, `location / { ${proxy} gzip on; sub_filter first 1st; }`, {})
  const client = await connectTcp(t, { host: '127.0.0.1', port: site.port })
  await client.send(request('/', 'Accept-Encoding: gzip\r\n'))
  await client.readUntil('\r\n\r\n')
  const unpacked = createGunzip()
  let text = ''
  unpacked.on('data', (bytes: Buffer) => (text += String(bytes)))
  const feed = async (): Promise<void> => {
    const size = Number.parseInt(await client.readUntil('\r\n'), 16)
    if (size > 0) unpacked.write(await client.read(size))
    await client.read(2)
  }
  const fed = async (end: string): Promise<boolean> => {
    if (client.pending.includes('\r\n')) await feed()
    return text.includes(end)
  }
  await until(() => fed('1st piece\n'), { what: 'the first piece' })
  assert.equal(text, '1st piece\n')
  goOn.resolve()
  await until(() => fed('second piece\n'), { what: 'the second piece' })
})

test('open_file_cache sees that a file was replaced once its time is over', async (t) => {
  const site = await serve(t, 'open_file_cache max=10; open_file_cache_valid 0;', {
    'html/f.txt': 'the old file',
  })
  const path = site.runner.prefix.file('html/f.txt')
  assert.equal((await site.ask('/f.txt')).body.toString(), 'the old file')
  writeFileSync(`${path}.new`, 'the new file')
  renameSync(`${path}.new`, path)
  assert.equal((await site.ask('/f.txt')).body.toString(), 'the new file')
})

test('open_file_cache keeps what it knows while its time lasts', { skip: linux }, async (t) => {
  const site = await serve(t, 'open_file_cache max=10; open_file_cache_valid 1h;', {
    'html/f.txt': 'the old file',
  })
  const path = site.runner.prefix.file('html/f.txt')
  await site.ask('/f.txt')
  assert.equal(descriptorsOf(path), 1)
  renameSync(path, `${path}.old`)
  assert.equal((await site.ask('/f.txt')).body.toString(), 'the old file')
  assert.equal(descriptorsOf(`${path}.old`), 1)
})

test('random_index gives one file or another', async (t) => {
  const site = await serve(t, 'location / { random_index on; }', {
    'html/a': 'a',
    'html/b': 'b',
    'html/.hidden': 'hidden',
  })
  const seen = new Set<string>()
  for (let i = 0; i < 200 && seen.size < 2; i++) seen.add((await site.ask('/')).body.toString())
  assert.deepEqual([...seen].sort(), ['a', 'b'])
})

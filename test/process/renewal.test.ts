/** A reload takes up files that changed behind directives that did not: certificates, keys, handlers. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { chmodSync } from 'node:fs'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { silentLog } from '../../src/engine/core/log.ts'
import type { HttpPart } from '../../src/engine/http/part.ts'
import { LocalDescriptorSource } from '../../src/engine/net/descriptor-source.ts'
import { DataPlane } from '../../src/engine/process/data-plane.ts'
import { readConfiguration } from '../../src/engine/process/read-configuration.ts'
import type { StreamPart } from '../../src/engine/stream/part.ts'
import { createInstance, removeInstance } from '../../src/engine/core/shared-memory.ts'
import { type Certificate, certificateFor } from '../support/certificates.ts'
import { echo, startTcpBackend } from '../support/echo-servers.ts'
import { curl } from '../support/http.ts'
import { freePorts } from '../support/ports.ts'
import { onEnd, type Owner } from '../support/scope.ts'
import { connectTls, type TcpClient } from '../support/tcp.ts'
import { makeTempPrefix, type TempPrefix } from '../support/temp-prefix.ts'
import { startTrijet } from '../support/trijet.ts'
import { ping } from './support.ts'

const host = '127.0.0.1'
const first = certificateFor('site.test')
const renewed = certificateFor(['site.test', 'renewed.test'])
const other = certificateFor('other.test', 'ecdsa')

/** The data plane of a worker, in the process of the test. */
class Plane {
  readonly prefix: TempPrefix
  readonly #plane: DataPlane

  constructor(owner: Owner, prefix: TempPrefix) {
    this.prefix = prefix
    const sharedMemory = createInstance(prefix.path)
    const target = { kind: 'file', path: prefix.file('logs/error.log') } as const
    this.#plane = new DataPlane({
      source: new LocalDescriptorSource(silentLog),
      sharedMemory,
      logRules: [{ target, level: 'info' }],
      owner: undefined,
    })
    onEnd(owner, () => {
      this.#plane.close()
      removeInstance(sharedMemory)
    })
  }

  get stream(): StreamPart {
    return this.#plane.runtime.snapshot.parts.get('stream') as StreamPart
  }

  get http(): HttpPart {
    return this.#plane.runtime.snapshot.parts.get('http') as HttpPart
  }

  async start(key: string, body: object): Promise<void> {
    const instructions = [{ key, body: JSON.stringify(body) }]
    const leftOut = await this.#plane.runtime.load({
      files: this.#files(),
      instructions,
      revision: 1,
    })
    assert.deepEqual(leftOut, [])
    await this.#plane.runtime.serve()
  }

  async reload(): Promise<void> {
    assert.deepEqual(await this.#plane.runtime.prepare({ files: this.#files(), edits: [] }), [])
    this.#plane.runtime.commit()
  }

  /** A reload that is prepared and then dropped, as when another worker refuses. */
  async drop(): Promise<void> {
    await this.#plane.runtime.prepare({ files: this.#files(), edits: [] })
    this.#plane.runtime.abort()
  }

  #files() {
    const entry = this.prefix.file('conf/trijet.conf')
    const read = readConfiguration({ entry, prefix: this.prefix.path, globals: '' })
    assert.deepEqual(read.diagnostics, [])
    return read.files
  }
}

function write(prefix: TempPrefix, name: string, { cert, key }: Certificate): void {
  prefix.write(`conf/${name}.crt`, cert)
  prefix.write(`conf/${name}.key`, key)
}

function pair(name: string): string {
  return `ssl_certificate ${name}.crt; ssl_certificate_key ${name}.key;`
}

function connect(owner: Owner, port: number, servername = ''): Promise<TcpClient<TLSSocket>> {
  return connectTls(owner, { host, port, ...(servername !== '' && { servername }) })
}

/** Checks which certificate a port shows. */
async function shows(owner: Owner, port: number, { cert }: Certificate, name = ''): Promise<void> {
  const client = await connect(owner, port, name)
  const { fingerprint256 } = client.socket.getPeerCertificate()
  client.close()
  assert.equal(fingerprint256, new X509Certificate(cert).fingerprint256)
}

test('a renewed certificate is shown after a reload, by the servers that name it and no others', async (t) => {
  const [http, stream, bystander, dynamic] = (await freePorts(4)) as [
    number,
    number,
    number,
    number,
  ]
  const { port: target } = await startTcpBackend(t, echo)
  const prefix = makeTempPrefix(t)
  for (const name of ['site', 'dynamic']) write(prefix, name, first)
  write(prefix, 'other', other)
  prefix.write(
    'conf/trijet.conf',
    `events {}
     http {
       access_log off;
       server { listen ${host}:${http} ssl; ${pair('site')} return 200 ok; }
       server { listen ${host}:${http} ssl; server_name other.test; ${pair('other')} return 200 ok; }
     }
     stream {
       server { listen ${host}:${stream} ssl; ${pair('site')} proxy_pass ${host}:${target}; }
       server { listen ${host}:${bystander} ssl; ${pair('other')} return other; }
     }`,
  )
  const plane = new Plane(t, prefix)
  await plane.start('/ins/stream_srv/s_1', {
    type: 'add',
    addr_port: `${host}:${dynamic}`,
    server_name: 'dynamic.test',
    listen_option: 'ssl',
    server_body: `${pair('dynamic')} proxy_pass ${host}:${target};`,
  })
  const live = [await connect(t, stream), await connect(t, dynamic)]
  const kept = plane.stream.table.get(`tcp ${host}:${bystander}`)!.fallback
  const keptHttp = plane.http.ports.get(`tcp ${host}:${http}`)!.names.find('other.test')!.server
  await shows(t, http, first)
  for (const name of ['site', 'dynamic']) write(prefix, name, renewed)
  await plane.drop()
  await shows(t, stream, first)
  await plane.reload()
  for (const port of [http, stream, dynamic]) await shows(t, port, renewed)
  await shows(t, http, other, 'other.test')
  await shows(t, bystander, other)
  for (const client of live) await ping(client, 'still here')
  assert.equal(plane.http.compiled, 1)
  assert.equal(plane.stream.compiled, 2, 'the one with the certificate and the dynamic one')
  assert.equal(plane.stream.table.get(`tcp ${host}:${bystander}`)!.fallback, kept)
  const match = plane.http.ports.get(`tcp ${host}:${http}`)!.names.find('other.test')!
  assert.equal(match.server, keptHttp)
  const settled = plane.http
  await plane.reload()
  assert.equal(plane.http, settled, 'nothing changed since')
})

test('HUP takes up a certificate and a handler', async (t) => {
  const [tls, plain] = (await freePorts(2)) as [number, number]
  const prefix = makeTempPrefix(t)
  write(prefix, 'site', first)
  prefix.write('hello.ts', `export default () => new Response('one')`)
  const conf = `
    worker_processes 2;
    error_log logs/error.log notice;
    events {}
    http {
      access_log off;
      server {
        listen ${host}:${tls} ssl;
        listen ${host}:${plain};
        ${pair('site')}
        location / { handler hello.ts; }
      }
    }`
  const engine = await startTrijet(t, { conf, prefix })
  const text = async (): Promise<string> => (await curl(`http://${host}:${plain}/`)).body.toString()
  assert.equal(await text(), 'one')
  write(prefix, 'site', renewed)
  prefix.write('hello.ts', `export default () => new Response('two')`)
  assert(await engine.reload(), engine.report())
  for (let i = 0; i < 8; i++) {
    assert.equal(await text(), 'two')
    await shows(t, tls, renewed)
  }
  prefix.write('conf/site.key', certificateFor('another.test').key)
  assert(!(await engine.reload()), 'a key that does not fit is refused')
  await shows(t, tls, renewed)
})

const notRoot = process.getuid!() !== 0 && 'only root can become somebody else'

test(
  'workers that gave up root take up a key that is root’s alone',
  { skip: notRoot },
  async (t) => {
    const [port, later] = (await freePorts(2)) as [number, number]
    const prefix = makeTempPrefix(t)
    // Others may look into the folders, as is usual, but not into the files.
    for (const folder of ['', 'conf']) chmodSync(prefix.file(folder), 0o755)
    const protect = (): void => {
      for (const name of ['site.crt', 'site.key']) chmodSync(prefix.file(`conf/${name}`), 0o600)
    }
    write(prefix, 'site', first)
    protect()
    const conf = (ports: readonly number[]): string => `
    user nobody nogroup;
    worker_processes 2;
    error_log logs/error.log notice;
    events {}
    stream {
      ${ports.map((one) => `server { listen ${host}:${one} ssl; ${pair('site')} return ok; }`).join('\n')}
    }`
    const engine = await startTrijet(t, { conf: conf([port]), prefix, ports: [port] })
    await shows(t, port, first)
    write(prefix, 'site', renewed)
    protect()
    assert(await engine.reload(conf([port, later])), engine.report())
    for (let i = 0; i < 8; i++) {
      await shows(t, port, renewed)
      await shows(t, later, renewed)
    }
  },
)

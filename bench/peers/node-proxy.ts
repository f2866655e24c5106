/**
 * The program of a peer on Node: `node bench/peers/node-proxy.ts <kind> <port> <backend port>`. Each as its
 * own documentation sets it up, with connections to the backend kept.
 */
import { Agent, createServer, request, type RequestListener } from 'node:http'

const [kind, port, backendPort] = process.argv.slice(2) as [string, string, string]
const host = '127.0.0.1'
const backend = { host, port: Number(backendPort) }
const target = `http://${host}:${backendPort}`
const agent = new Agent({ keepAlive: true, maxSockets: Infinity })

switch (kind) {
  case 'node-http':
    serve(byHand)
    break
  case 'http-proxy':
    await serveHttpProxy()
    break
  case 'fastify':
    await serveFastify()
    break
  default:
    throw new Error(`no such proxy: ${kind}`)
}

function serve(listener: RequestListener): void {
  const server = createServer(listener)
  server.keepAliveTimeout = 3_600_000
  server.listen(Number(port), host)
}

/** Node's own client and server, streams piped into one another. */
function byHand(...[incoming, outgoing]: Parameters<RequestListener>): void {
  const { method, url, headers } = incoming
  const options = { ...backend, agent, method, path: url, headers }
  const onward = request(options, (answer) => {
    outgoing.writeHead(answer.statusCode!, answer.headers)
    answer.pipe(outgoing)
  })
  onward.on('error', () => outgoing.destroy())
  incoming.pipe(onward)
}

interface HttpProxyPackage {
  createProxyServer(options: object): {
    web: RequestListener
    on(event: 'error', listener: (error: Error) => void): void
  }
}

async function serveHttpProxy(): Promise<void> {
  const { default: httpProxy } = (await load('http-proxy')) as { default: HttpProxyPackage }
  const proxy = httpProxy.createProxyServer({ target, agent })
  // Backends of one round are gone before those of the next have come.
  proxy.on('error', () => {})
  serve((incoming, outgoing) => proxy.web(incoming, outgoing))
}

interface FastifyPackage {
  fastify(options: object): {
    register(plugin: unknown, options: object): Promise<unknown>
    listen(address: object): Promise<string>
  }
}

async function serveFastify(): Promise<void> {
  const made = (await load('fastify')) as FastifyPackage
  const { default: plugin } = (await load('@fastify/http-proxy')) as { default: unknown }
  const app = made.fastify({ keepAliveTimeout: 3_600_000 })
  await app.register(plugin, { upstream: target })
  await app.listen({ port: Number(port), host })
}

/** By a name in a variable: the packages have no types, and may not be installed. */
function load(name: string): Promise<unknown> {
  return import(name)
}

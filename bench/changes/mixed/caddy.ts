/** Caddy, Debian's package: a change is one request to its admin API, which takes a whole new configuration into use. */
import { certificateFor } from '../../../test/support/certificates.ts'
import { startProcess } from '../../../test/support/process.ts'
import { isListening, processTree } from '../../../test/support/process-tree.ts'
import { makeTempPrefix } from '../../../test/support/temp-prefix.ts'
import { until } from '../../../test/support/wait.ts'
import { ControlClient } from '../control-client.ts'
import { host } from './gateway-conf.ts'
import type { Change, Kind, MixedPorts, StartMixed } from './mixed.ts'

export const startMixedCaddy: StartMixed = async (owner, ports) => {
  const files = { 'caddy.json': JSON.stringify(configuration(ports)) }
  const prefix = makeTempPrefix(owner, files)
  const command = ['caddy', 'run', '--config', prefix.file('caddy.json')] as const
  const env = { ...process.env, HOME: prefix.path, XDG_DATA_HOME: prefix.path, GOMAXPROCS: '1' }
  const caddy = await startProcess(owner, command, { cwd: prefix.path, env })
  await until(() => isListening(ports.port), { what: 'caddy' })
  const appliers = createAppliers(new ControlClient(owner, ports.controlPort))
  const pids = (): number[] => processTree(caddy.pid).map(({ pid }) => pid)
  return {
    peer: { name: 'caddy', pids, stop: async () => void (await caddy.stop()) },
    serving: pids,
    apply: (change) => appliers[change.kind](change),
  }
}

type Apply = (change: Change) => Promise<void>

function createAppliers(admin: ControlClient): Readonly<Record<Kind, Apply>> {
  const routes = '/config/apps/http/servers/main/routes'
  /** Puts something in front of a list, or takes it away again. */
  const insert = async (path: string, value: unknown, made: boolean): Promise<void> =>
    void (await admin.ask(made ? 'PUT' : 'DELETE', `${path}/0`, made ? value : undefined))
  const patch = async (path: string, value: unknown): Promise<void> =>
    void (await admin.ask('PATCH', path, value))
  return {
    location: ({ number, made }) => insert(routes, answer({ path: [`/added/${number}`] }), made),
    member: ({ made }) => insert('/id/members/upstreams', { dial: `${host}:1` }, made),
    map: ({ number, made }) => patch('/id/map/mappings/0/outputs/0', made ? `v${number}` : 'one'),
    limit: ({ made }) => patch('/id/limit/max_size', made ? 100 : 1_000),
    certificate: ({ made }) => {
      const { cert, key } = certificateFor('secure.test', 'ecdsa')
      return insert('/config/apps/tls/certificates/load_pem', { certificate: cert, key }, made)
    },
    header: ({ number, made }) =>
      patch('/id/header/response/set/X-Number/0', made ? String(number) : 'none'),
    server: ({ number, made }) => insert(routes, answer({ host: [`server-${number}.test`] }), made),
  }
}

function answer(match: object): object {
  return { match: [match], handle: [{ handler: 'static_response', body: 'added' }] }
}

function configuration({
  port,
  tlsPort,
  controlPort,
  backendPort,
  socketPort,
}: MixedPorts): object {
  const { cert, key } = certificateFor('secure.test', 'rsa')
  const proxy = (dial: string, id?: string): object => ({
    handler: 'reverse_proxy',
    upstreams: [{ dial: `${host}:${dial}` }],
    transport: { protocol: 'http', keep_alive: { max_idle_conns_per_host: 1_024 } },
    ...(id !== undefined && { '@id': id }),
  })
  const route = (path: string, ...handle: readonly object[]): object => ({
    match: [{ path: [path] }],
    handle,
  })
  const say = (body: string): object => ({ handler: 'static_response', body })
  const map = {
    '@id': 'map',
    handler: 'map',
    source: '{http.request.uri.query.k}',
    destinations: ['{mapped}'],
    mappings: [{ input: 'a', outputs: ['one'] }],
    defaults: ['none'],
  }
  const header = {
    '@id': 'header',
    handler: 'headers',
    response: { set: { 'X-Number': ['none'] } },
  }
  const limit = { '@id': 'limit', handler: 'request_body', max_size: 1_000 }
  const common = { automatic_https: { disable: true }, idle_timeout: '1h' }
  return {
    admin: { listen: `${host}:${controlPort}` },
    logging: { logs: { default: { level: 'ERROR' } } },
    apps: {
      http: {
        servers: {
          main: {
            ...common,
            listen: [`${host}:${port}`],
            routes: [
              route('/socket', proxy(String(socketPort))),
              route('/members/*', proxy(String(backendPort), 'members')),
              route('/map', map, say('{mapped}')),
              route('/limit', limit, say('limit')),
              route('/header', header, say('header')),
              { handle: [proxy(String(backendPort))] },
            ],
          },
          secure: {
            ...common,
            listen: [`${host}:${tlsPort}`],
            tls_connection_policies: [{}],
            routes: [{ handle: [say('secure')] }],
          },
        },
      },
      tls: { certificates: { load_pem: [{ certificate: cert, key }] } },
    },
  }
}

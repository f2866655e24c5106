/**
 * Who may do what with control: tokens from elsewhere, client certificates, users at a unix socket; and
 * what the audit says of all of it.
 */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, renameSync, statSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { certificateAuthority, certificateFor } from '../support/certificates.ts'
import { type HttpAnswer, parseAnswer } from '../support/http.ts'
import { makeNetnsPair, type Netns } from '../support/netns.ts'
import { Scope } from '../support/scope.ts'
import { makeTempPrefix } from '../support/temp-prefix.ts'
import { until } from '../support/wait.ts'
import { type Control, host, startControl } from './support.ts'

const patient = { timeout: 120_000 }
const ports = { plain: 8081, tls: 8443, served: 9000 }
const kv = '/api/v1/kv'
const pair = '{"key":"colour","value":"blue"}'

interface Line {
  readonly outcome: string
  readonly actor: string
  readonly peer: string
  readonly action: string
  readonly status: number
}

describe('who may', patient, () => {
  const scope = new Scope()
  let client: Netns
  let server: Netns
  let control: Control
  const authority = certificateAuthority()
  const [own, ops, guest] = ['control.test', 'ops', 'guest'].map((name) => certificateFor(name))

  before(async () => {
    ;({ client, server } = await makeNetnsPair(scope))
    const prefix = makeTempPrefix(scope)
    chmodSync(prefix.path, 0o755)
    control = await startControl(scope, {
      prefix,
      stream: `server { listen ${ports.served}; return fixed; }`,
      controlPort: ports.plain,
      controlListen: '*',
      controlServer: `listen ${ports.tls} ssl; listen unix:${prefix.file('logs/control.sock')};
        server_name control.test;
        ssl_certificate ${own!.certFile}; ssl_certificate_key ${own!.keyFile};
        ssl_verify_client optional; ssl_client_certificate ${authority.certFile};
        api_certificate CN=ops change path=/v1/kv path=/v2;
        location /api { dyn_module_api; }
        location /strict/ { api_loopback read; dyn_module_api; }
        location /shut/ { api_loopback off; dyn_module_api; }
        location /doc { doc_api; }`,
      start: { under: server.under, ports: [ports.plain, ports.tls, ports.served] },
    })
    await until(() =>
      ask(server, host, kv).then(
        ({ status }) => status === 404,
        () => false,
      ),
    )
  })

  after(() => scope.close())

  async function ask(
    from: Netns,
    address: string,
    path: string,
    ...options: readonly string[]
  ): Promise<HttpAnswer> {
    const url = `http://${address}:${ports.plain}${path}`
    return parseAnswer(Buffer.from(await from.exec('curl', '-sS', '-i', ...options, url)))
  }

  /** By way of the unix socket, as a user. */
  async function askAs(uid: number, path: string, ...options: string[]): Promise<HttpAnswer> {
    const socket = control.prefix.file('logs/control.sock')
    const become = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'] as const
    const args = ['curl', '-sS', '-i', '--unix-socket', socket, ...options, `http://x${path}`]
    return parseAnswer(Buffer.from(await server.exec(...become, ...args)))
  }

  async function askTls(path: string, ...options: readonly string[]): Promise<HttpAnswer> {
    const resolve = `control.test:${ports.tls}:${server.address}`
    const url = `https://control.test:${ports.tls}${path}`
    const trust = ['--cacert', authority.certFile, '--resolve', resolve]
    const words = ['curl', '-sS', '-i', '--http1.1', ...trust, ...options, url] as const
    return parseAnswer(Buffer.from(await client.exec(...words)))
  }

  async function makeToken(body: object): Promise<{ readonly token: string; readonly id: string }> {
    const answer = await ask(server, host, '/api/v2/tokens', '-d', JSON.stringify(body))
    assert.equal(answer.status, 201, answer.body.toString())
    assert.equal(answer.header('cache-control'), 'no-store')
    return JSON.parse(answer.body.toString()) as { token: string; id: string }
  }

  function bearer(token: string): readonly [string, string] {
    return ['-H', `Authorization: Bearer ${token}`]
  }

  function lines(): readonly Line[] {
    const text = control.prefix.read('logs/audit.log').trim()
    return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as Line)
  }

  it('asks whoever is elsewhere for a token or a certificate', async () => {
    const answer = await ask(client, server.address, kv)
    assert.equal(answer.status, 401)
    assert.equal(answer.header('www-authenticate'), 'Bearer realm="trijet"')
    const reply = JSON.parse(answer.body.toString()) as { code: number; msg: string }
    assert.equal(reply.code, 401)
    assert.match(reply.msg, /10\.99\.0\.1 is not on it; a token or a client certificate is needed/)
    assert.equal((await ask(client, server.address, '/doc/')).status, 401)
    const { outcome, actor, action } = lines().at(-1)!
    assert.deepEqual([outcome, actor, action], ['denied', client.address, 'GET /doc/'])
  })

  it('lets a token do what was granted to it, from anywhere, until it is revoked', async () => {
    const { token, id } = await makeToken({
      name: 'deploy',
      scope: 'change',
      paths: ['/v1/kv', '/v2/history'],
      expires_in: '1h',
    })
    const as = bearer(token)
    const status = async (path: string, ...more: readonly string[]): Promise<number> =>
      (await ask(client, server.address, path, ...as, ...more)).status
    assert.equal(await status(kv, '-d', pair), 200)
    assert.equal(await status(`${kv}?key=colour`), 200)
    assert.equal(await status('/api/v2/history'), 200)
    assert.equal(await status('/api/v2/config'), 403)
    assert.equal(await status('/api/v2/tokens'), 403)
    assert.equal(await status(kv, '-d', pair, '-H', 'Host: control.example'), 200)
    const who = `token deploy (${id})`
    assert.deepEqual(
      lines()
        .filter(({ actor }) => actor === who)
        .map(({ outcome, action, peer }) => `${outcome} ${action} ${peer}`),
      [
        `done POST ${kv} ${client.address}`,
        `denied GET /api/v2/config ${client.address}`,
        `denied GET /api/v2/tokens ${client.address}`,
        `done POST ${kv} ${client.address}`,
      ],
    )
    assert.doesNotMatch(control.prefix.read('logs/audit.log'), new RegExp(token))

    const listed = await ask(server, host, '/api/v2/tokens')
    assert.doesNotMatch(listed.body.toString(), new RegExp(token))
    assert.match(listed.body.toString(), new RegExp(id))
    const revoked = await ask(server, host, `/api/v2/tokens/${id}`, '-X', 'DELETE')
    assert.equal(revoked.status, 200)
    assert.equal(await status(`${kv}?key=colour`), 401)
    const again = await ask(server, host, `/api/v2/tokens/${id}`, '-X', 'DELETE')
    assert.equal(again.status, 404)
  })

  it('shows in the history who it was', async () => {
    const { token, id } = await makeToken({ name: 'ranges', scope: 'change', expires_in: 'never' })
    const range = '{"action":"add","type":"tcp","src_ports":"40000","dst_port":9000}'
    const made = await ask(
      client,
      server.address,
      '/api/v1/range',
      ...bearer(token),
      '-X',
      'PUT',
      '-d',
      range,
    )
    assert.equal(made.body.toString(), '{"code":0,"msg":"success."}')
    const revision = Number(made.header('trijet-revision'))
    const history = await ask(server, host, '/api/v2/history')
    const { entries } = JSON.parse(history.body.toString()) as {
      entries: readonly (Pick<Line, 'actor' | 'peer'> & { readonly revision: number })[]
    }
    const entry = entries[0]!
    assert.equal(entry.revision, revision)
    assert.equal(entry.actor, `token ranges (${id})`)
    assert.equal(entry.peer, client.address)
    const line = lines().at(-1) as Line & { readonly revision: number }
    assert.deepEqual([line.revision, line.actor, line.peer], [revision, entry.actor, entry.peer])
  })

  it('refuses what is no request for a token', async () => {
    const cases: readonly (readonly [body: string, msg: RegExp])[] = [
      ['x', /a JSON object is expected/],
      ['{"name":"a"}', /"scope" must be one of read, change, admin/],
      ['{"name":"a b","scope":"read"}', /"name" must be/],
      ['{"name":"a","scope":"read","paths":["/api/v1/kv"]}', /no path of the interface/],
      ['{"name":"a","scope":"read","methods":["get"]}', /no method/],
      ['{"name":"a","scope":"read","expires_in":"soon"}', /"expires_in" must be/],
      ['{"name":"a","scope":"read","role":"x"}', /no field "role"/],
    ]
    for (const [body, msg] of cases) {
      const answer = await ask(server, host, '/api/v2/tokens', '-d', body)
      assert.equal(answer.status, 400, body)
      assert.match((JSON.parse(answer.body.toString()) as { msg: string }).msg, msg)
    }
  })

  it('knows client certificates', async () => {
    const as = (one: typeof ops): string[] => ['--cert', one!.certFile, '--key', one!.keyFile]
    assert.equal((await askTls(`${kv}?key=none`)).status, 401)
    assert.equal((await askTls(kv, ...as(ops), '-d', pair)).status, 200)
    assert.equal(lines().at(-1)?.actor, 'certificate CN=ops')
    assert.equal((await askTls('/api/v1/config', ...as(ops))).status, 403, 'not among its paths')
    const stranger = await askTls(`${kv}?key=none`, ...as(guest))
    assert.equal(stranger.status, 403)
    assert.match(stranger.body.toString(), /nothing is granted to certificate CN=guest/)
    const page = await askTls(`${kv}?key=none`, ...as(ops), '-H', 'Origin: https://evil.test')
    assert.equal(page.status, 403, 'a browser would send the certificate by itself')
  })

  it('knows the users of a unix socket', async () => {
    chmodSync(control.prefix.file('logs'), 0o755)
    chmodSync(control.prefix.file('logs/control.sock'), 0o666)
    assert.equal((await askAs(0, kv, '-d', pair)).status, 200)
    assert.equal(lines().at(-1)?.actor, 'user 0')
    assert.equal((await askAs(0, '/api/v2/rollback', '-d', '{"to":0}')).status, 200)
    const { body } = await askAs(0, '/api/v2/history?limit=1')
    const [entry] = JSON.parse(body.toString()).entries
    assert.deepEqual([entry.action, entry.actor, entry.peer], ['rollback to 0', 'user 0', 'unix:'])
    const other = await askAs(65_534, `${kv}?key=none`)
    assert.equal(other.status, 401)
    assert.match(other.body.toString(), /user 65534 is neither root nor the engine's own/)
    assert.equal(lines().at(-1)?.actor, 'user 65534')
    const { token } = await makeToken({ name: 'nobody', scope: 'read' })
    assert.equal((await askAs(65_534, `${kv}?key=none`, ...bearer(token))).status, 404)
    assert.equal((await askAs(65_534, kv, ...bearer(token), '-d', pair)).status, 403)
  })

  it('may be told not to trust this machine', async () => {
    assert.equal((await ask(server, host, '/strict/v1/kv?key=colour')).status, 200)
    const denied = await ask(server, host, '/strict/v1/kv', '-d', pair)
    assert.equal(denied.status, 403)
    assert.match(denied.body.toString(), /the scope \\"change\\" is needed/)
    assert.equal((await ask(server, host, '/shut/v1/kv?key=colour')).status, 401)
    const { token } = await makeToken({ name: 'local', scope: 'change' })
    assert.equal((await ask(server, host, '/shut/v1/kv', ...bearer(token), '-d', pair)).status, 200)
  })

  it('begins a new audit file when logs are reopened', async () => {
    const [path, old] = ['logs/audit.log', 'logs/audit.log.1'].map((name) =>
      control.prefix.file(name),
    ) as [string, string]
    renameSync(path, old)
    control.engine.signal('SIGUSR1')
    await until(() => existsSync(path), { what: 'a new audit file' })
    const size = statSync(old).size
    await ask(server, host, kv, '-d', pair)
    assert.equal(lines().length, 1)
    assert.equal(statSync(old).size, size)
  })

  it('keeps tokens over a death of control', async () => {
    const { token } = await makeToken({ name: 'kept', scope: 'read' })
    await control.kill('conf/ctrl.conf')
    const status = (): Promise<number> =>
      ask(client, server.address, `${kv}?key=colour`, ...bearer(token)).then(
        (answer) => answer.status,
        () => 0,
      )
    await until(async () => (await status()) === 200, { what: 'control with its tokens' })
  })
})

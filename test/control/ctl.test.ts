/** `trijet ctl` against a running engine: found by its prefix, over TCP and a unix socket, or by a URL. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { certificateAuthority, certificateFor } from '../support/certificates.ts'
import { freePort } from '../support/ports.ts'
import { startProcess } from '../support/process.ts'
import { Scope } from '../support/scope.ts'
import { makeTempPrefix } from '../support/temp-prefix.ts'
import { launcher, trijetCommand } from '../support/trijet.ts'
import { until } from '../support/wait.ts'
import { type Control, host, startControl, success, textFor } from './support.ts'

const patient = { timeout: 120_000 }

interface Said {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

describe('trijet ctl', patient, () => {
  const scope = new Scope()
  let control: Control
  let port: number
  let secure: number

  before(async () => {
    port = await freePort()
    secure = await freePort()
    const own = certificateFor('localhost')
    control = await startControl(scope, {
      stream: `server { listen ${host}:${port}; return fixed; }`,
      controlServer: `listen ${host}:${secure} ssl;
        ssl_certificate ${own.certFile}; ssl_certificate_key ${own.keyFile};
        ssl_verify_client optional; ssl_client_certificate ${certificateAuthority().certFile};
        location /api { dyn_module_api; } location /doc { doc_api; }
        location /narrow { api_loopback off; api_certificate CN=ops read; dyn_module_api; }`,
    })
    const server = { addr_port: `${host}:${port}`, server_name: 'a', server_body: 'return "a";' }
    assert.deepEqual(await control.add(scope, server), success)
  })

  after(() => scope.close())

  async function ctl(...words: readonly string[]): Promise<Said> {
    return ctlWith({}, '-p', control.prefix.path, ...words)
  }

  async function ctlWith(
    env: Readonly<Record<string, string>>,
    ...words: readonly string[]
  ): Promise<Said> {
    const { code, stdout, stderr } = await trijetCommand(['ctl', ...words], { env })
    return { code, out: stdout, err: stderr }
  }

  it('shows the running configuration, or a part of it', async () => {
    const whole = await ctl('get')
    assert.equal(whole.code, 0, whole.err)
    assert.equal(whole.out, (await control.ask(scope, 'GET', '/api/v2/config')).text)
    const names = await ctl('get', 'stream', 'server', 'server_name')
    assert.deepEqual([names.code, names.out], [0, 'server_name a;\n'])
    const listens = await ctl('get', 'stream', 'server', `listen ${host}:${port}`)
    assert.equal(listens.out.trim().split('\n').length, 2)
    const none = await ctl('get', 'http')
    assert.deepEqual([none.code, none.out], [1, ''])
    assert.match(none.err, /there is no http in the running configuration/)
    const asJson = await ctl('--json', 'get')
    assert.equal(JSON.parse(asJson.out).stream.server.length, 2)
  })

  it('tells whether the engine is well', async () => {
    const health = await ctl('health')
    assert.deepEqual([health.code, health.out], [0, 'ready\n'], health.err)
    assert.deepEqual(JSON.parse((await ctl('health', '--json')).out), { ready: true, reasons: [] })
  })

  it('shows any document', async () => {
    const servers = await ctl('get', '/v1/stream_srv')
    assert.equal(servers.code, 0)
    assert.deepEqual(JSON.parse(servers.out), { servers: await control.servers(scope) })
    const missing = await ctl('get', '/v1/nothing')
    assert.deepEqual([missing.code, missing.err], [1, 'trijet: not register api module\n'])
  })

  it('shows the history and goes back in it', async () => {
    const history = await ctl('history')
    const [head = '', first = ''] = history.out.split('\n')
    assert.match(head, /^revision +time +actor +from +action +edits$/)
    assert.match(first, /^1 +\S+ +127\.0\.0\.1 +127\.0\.0\.1 +POST \/api\/v1\/stream_srv +1$/)
    const tried = await ctl('rollback', '0', '--dry-run')
    assert.deepEqual([tried.code, tried.out], [0, 'success.\n'])
    assert.equal((await control.servers(scope)).length, 1)
    assert.equal((await ctl('rollback', '0')).code, 0)
    assert.equal((await control.servers(scope)).length, 0)
    const far = await ctl('rollback', '99')
    assert.equal(far.code, 1)
    assert.match(far.err, /there is no revision 99/)
    assert.equal((await ctl('rollback', '1')).code, 0)
    const asJson = JSON.parse((await ctl('history', '--limit', '1', '--json')).out)
    assert.equal(asJson.entries.length, 1)
    assert.equal(asJson.entries[0].action, 'rollback to 1')
  })

  it('changes any directive, and shows what was changed', async () => {
    const place = `/stream/server[${host}:${port}]/return`
    const patch = JSON.stringify([{ op: 'replace', path: place, value: 'return patched;' }])
    const tried = await ctl('patch', patch, '--dry-run')
    assert.deepEqual([tried.code, tried.out], [0, 'success.\n'], tried.err)
    assert.equal(await textFor(scope, port), 'fixed')
    assert.equal((await ctl('patch', patch)).code, 0)
    assert.equal(await textFor(scope, port), 'patched')
    assert.equal((await ctl('get', place)).out.trim(), 'return patched;')
    const diff = await ctl('diff')
    assert.match(diff.out, /^-.*return fixed;/m)
    assert.match(diff.out, /^\+.*return patched;/m)

    const whole = await ctl('get')
    const file = control.prefix.write('next.conf', whole.out.replace('patched', 'applied'))
    const same = control.prefix.write('same.conf', whole.out.replaceAll(/\n +/g, '\n  '))
    assert.deepEqual(await ctl('diff', '-f', same), { code: 0, out: '', err: '' })
    const ahead = await ctl('diff', '-f', file)
    assert.equal(ahead.code, 0)
    assert.deepEqual(
      ahead.out.match(/^[-+] .*/gm)?.map((line) => line.replace(/ +/, ' ')),
      ['- return patched;', '+ return applied;'],
    )
    const stale = await ctl('apply', '-f', file, '--if-match', '"0.nothing"')
    assert.equal(stale.code, 1)
    assert.match(stale.err, /is not that one any more/)
    assert.equal((await ctl('apply', '-f', file)).code, 0)
    assert.equal(await textFor(scope, port), 'applied')
    const broken = control.prefix.write('broken.conf', whole.out.replace('return', 'retrun'))
    const refused = await ctl('apply', '-f', broken)
    assert.equal(refused.code, 1)
    assert.match(refused.err, /unknown directive "retrun"/)
    const open = control.prefix.write('open.conf', 'http {')
    const unread = await ctl('diff', '-f', open)
    assert.equal(unread.code, 1)
    assert.match(unread.err, /unexpected end of file, expecting "\}" in .*open\.conf:1/)
    assert.equal(await textFor(scope, port), 'applied')
  })

  it('tells of changes as they are made', async () => {
    const revision = await control.revision(scope)
    const words = ['ctl', '-p', control.prefix.path, 'watch', '--from', `${revision - 1}`]
    const watching = await startProcess(scope, [launcher, ...words])
    const lines = (): string[] => watching.stdout.trim().split('\n')
    await until(() => lines()[0]?.endsWith('PUT /api/v2/config'), { what: 'what was changed last' })
    assert.equal((await ctl('rollback', '1')).code, 0)
    await until(() => lines().length === 2, { what: 'what is changed meanwhile' })
    assert.match(lines()[1]!, /^\S+Z {2}\d+ {2}127\.0\.0\.1 {2}rollback to 1$/)
    await watching.stop('SIGINT')
  })

  it('gives out tokens and uses them', async () => {
    const made = await ctl('token', 'create', 'ci', 'read', '--path', '/v1/kv', '--expires', '1h')
    assert.equal(made.code, 0, made.err)
    const token = made.out.trim()
    assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/)
    const list = await ctl('token', 'list')
    const [, line = ''] = list.out.split('\n')
    assert.match(line, /^\S+ +ci +read +\S+Z +\/v1\/kv$/)

    const narrow = `http://${host}:${control.port}/narrow`
    const key = '/v1/kv?key=none'
    assert.equal((await ctlWith({}, '--url', narrow, 'get', key)).code, 4)
    const asked = await ctlWith({ TRIJET_TOKEN: token, TRIJET_URL: narrow }, 'get', key)
    assert.deepEqual([asked.code, asked.err], [1, 'trijet: key is not existed in db\n'])
    const beyond = await ctlWith({}, '--url', narrow, '--token', token, 'get')
    assert.equal(beyond.code, 4)
    assert.match(beyond.err, /\/v2\/config is not among the paths that were granted/)
    const [id = ''] = line.split(' ')
    assert.equal((await ctl('token', 'revoke', id)).code, 0)
    assert.equal((await ctl('token', 'revoke', id)).code, 1)
    assert.equal((await ctlWith({ TRIJET_TOKEN: token }, '--url', narrow, 'get', key)).code, 4)
    assert.match((await ctl('token', 'list')).out, /there are no tokens/)
  })

  it('shows a client certificate', async () => {
    const [trusted, ops] = [certificateAuthority().certFile, certificateFor('ops')]
    const url = ['--url', `https://localhost:${secure}/narrow`]
    const trust = ['--cacert', trusted]
    const own = ['--cert', ops.certFile, '--key', ops.keyFile]
    const key = ['get', '/v1/kv?key=none']
    const known = await ctlWith({}, ...url, ...trust, ...own, ...key)
    assert.deepEqual([known.code, known.err], [1, 'trijet: key is not existed in db\n'])
    assert.equal((await ctlWith({}, ...url, ...trust, ...key)).code, 4)
    const stranger = await ctlWith({}, ...url, ...own, ...key)
    assert.equal(stranger.code, 3)
    assert.match(stranger.err, /UNABLE_TO_|SELF_SIGNED|certificate/i)
    const missing = await ctlWith({}, ...url, '--cacert', '/nowhere', ...key)
    assert.equal(missing.code, 2)
  })

  it('takes a unix socket where control has one', async () => {
    const other = new Scope()
    try {
      const prefix = makeTempPrefix(other)
      const socket = `listen unix:${prefix.file('logs/control.sock')};`
      await startControl(other, {
        prefix,
        stream: `server { listen ${host}:${await freePort()}; return fixed; }`,
        controlServer: `${socket} location /v { dyn_module_api; }`,
        start: { under: [] as const },
      })
      await until(() => existsSync(prefix.file('logs/control.sock')), { what: 'the socket' })
      const said = await ctlWith({}, '-p', prefix.path, 'get', '/v1/kv?key=none')
      assert.deepEqual([said.code, said.err], [1, 'trijet: key is not existed in db\n'])
    } finally {
      await other.close()
    }
  })

  it('says what is wrong with a command line', async () => {
    const cases: readonly (readonly [words: readonly string[], err: RegExp])[] = [
      [['histroy'], /there is no command "histroy", did you mean history\?/],
      [['rollback'], /a revision is needed/],
      [['rollback', 'x'], /"x" is no whole number/],
      [['rollback', '1', '2'], /"2" is one word too many/],
      [['apply'], /-f FILE is needed/],
      [['apply', '-f', '/nowhere'], /"\/nowhere" cannot be read: ENOENT/],
      [['token', 'make'], /list, create or revoke/],
      [['history', '--dry-run'], /"history" has no option --dry-run/],
      [['diff', '-f', '/nowhere', '1'], /"1" is one word too many/],
      [['get', '--nonsense'], /Unknown option '--nonsense'/],
    ]
    for (const [words, expected] of cases) {
      const { code, err } = await ctl(...words)
      assert.equal(code, 2, words.join(' '))
      assert.match(err, expected)
      assert.match(err, /see: trijet ctl --help/)
    }
    const help = await ctl('--help')
    assert.equal(help.code, 0)
    assert.match(help.out, /rollback REVISION/)
  })

  it('says when there is nobody', async () => {
    const empty = makeTempPrefix(scope)
    const missing = await ctlWith({}, '-p', empty.path, 'get')
    assert.equal(missing.code, 3)
    assert.match(missing.err, /No such file/)
    empty.write('conf/trijet.conf', 'events {}\n')
    const without = await ctlWith({}, '-p', empty.path, 'get')
    assert.deepEqual([without.code, /starts no control plane/.test(without.err)], [3, true])
    const closed = await ctlWith({}, '--url', `http://${host}:${await freePort()}`, 'get')
    assert.equal(closed.code, 3)
    assert.match(closed.err, /no answer from control at http:.*ECONNREFUSED/)
  })
})

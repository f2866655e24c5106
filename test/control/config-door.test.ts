/**
 * The general door: any directive of a running engine is looked at and changed by path, all or nothing, and
 * what was acknowledged outlives reloads, restarts and kills.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { freePorts } from '../support/ports.ts'
import { onEnd, Scope } from '../support/scope.ts'
import { until } from '../support/wait.ts'
import { type Control, host, pageFor, type Reply, startControl } from './support.ts'

describe('the general door', { timeout: 240_000 }, () => {
  const scope = new Scope()
  let control: Control
  let port: number
  let other: number
  let server: string

  const http = (): string => `http {
    log_format short "$status";
    server {
        listen ${host}:${port};
        server_name shop.test;
        expires 1h;
        location / { return 200 shop; }
        location = /old { return 200 old; }
    }
    server { listen ${host}:${port}; server_name other.test; return 200 other; }
}`

  before(async () => {
    ;[port, other] = (await freePorts(2)) as [number, number]
    server = `/http/server[${host}:${port} shop.test]`
    control = await startControl(scope, {
      workers: 2,
      stream: '',
      blocks: http(),
      files: { 'data/.keep': '' },
    })
  })

  after(() => scope.close())

  const patch = (operations: unknown, query = ''): Promise<Reply> =>
    control.ask(scope, 'PATCH', `/api/v2/config${query}`, operations)
  const get = (path: string): Promise<Reply> =>
    control.ask(scope, 'GET', `/api/v2/config?path=${encodeURIComponent(path)}`)
  const page = async (path: string, name = 'shop.test'): Promise<string> => {
    const { status, body } = await pageFor(scope, port, path, name)
    return `${status} ${body.toString()}`
  }
  const expires = async (): Promise<string | undefined> =>
    (await pageFor(scope, port, '/', 'shop.test')).header('cache-control')
  const revision = (): Promise<number> => control.revision(scope)

  async function done(operations: unknown): Promise<number> {
    const { status, text } = await patch(operations)
    assert.equal(status, 200, text)
    return JSON.parse(text).revision
  }

  it('adds, replaces and removes what is served', async () => {
    const last = await done([
      { op: 'add', path: server, value: 'location /new { return 200 new; }' },
      { op: 'replace', path: `${server}/expires`, value: 'expires 2h;' },
      { op: 'remove', path: `${server}/location[= /old]` },
    ])
    assert.equal(last, await revision())
    assert.equal(await page('/new'), '200 new')
    assert.equal(await page('/old'), '200 shop')
    assert.equal(await expires(), 'max-age=7200')
    assert.equal((await get(`${server}/expires`)).text, 'expires 2h;\n')
    assert.equal(await page('/', 'other.test'), '200 other')
  })

  it('makes all operations or none', async () => {
    const earlier = await revision()
    const { status, text } = await patch([
      { op: 'replace', path: `${server}/expires`, value: 'expires 3h;' },
      { op: 'add', path: server, value: 'expirse 1h;' },
    ])
    assert.equal(status, 422)
    assert.match(JSON.parse(text).msg, /unknown directive "expirse"/)
    const missing = await patch([{ op: 'remove', path: `${server}/location[/none]` }])
    assert.equal(missing.status, 404)
    assert.equal(await expires(), 'max-age=7200')
    assert.equal(await revision(), earlier)
  })

  it('tells what is wrong by the lines of what was sent', async () => {
    const msgOf = async (operations: unknown): Promise<string> =>
      JSON.parse((await patch(operations)).text).msg
    const block = '\nserver {\n listen 1; server_name x;\n location / {\n\n retrun 200; } }'
    const ok = { op: 'add', path: '/http', value: 'gzip on;' }
    assert.equal(
      await msgOf([ok, { op: 'add', path: '/http', value: block }]),
      'unknown directive "retrun" in operation 2:6',
    )
    assert.equal(
      await msgOf([{ op: 'replace', path: `${server}/expires`, value: '\n\nexpires 1h 2h 3h;' }]),
      'invalid number of arguments in "expires" directive in operation 1:3',
    )
    const whole = (await get('/')).text
    const line = whole.split('\n').findIndex((text) => text.includes('return 200 other')) + 1
    const broken = whole.replace('return 200 other', 'return 2000 other')
    const body = ['-X', 'PUT', '--data-binary', broken]
    const answer = await curl(scope, '-s', ...body, `http://${host}:${control.port}/api/v2/config`)
    assert.equal(JSON.parse(answer).msg, `invalid return code "2000" in configuration:${line}`)
    assert.equal((await get('/')).text, whole)
  })

  it('says what every worker would say, and changes nothing', async () => {
    const earlier = await revision()
    const good = await patch([{ op: 'remove', path: `${server}/expires` }], '?dry_run=1')
    assert.equal(good.status, 200)
    const taken = `server { listen ${host}:${control.port}; server_name x; }`
    const bad = await patch([{ op: 'add', path: '/http', value: taken }], '?dry_run=1')
    assert.equal(bad.status, 422, bad.text)
    assert.equal(await expires(), 'max-age=7200')
    assert.equal(await revision(), earlier)
  })

  it('opens a port with a server and closes it with the last one', async () => {
    const value = `server { listen ${host}:${other}; server_name fresh.test; return 200 fresh; }`
    await done([{ op: 'add', path: '/http', value }])
    assert.equal((await pageFor(scope, other, '/', 'fresh.test')).body.toString(), 'fresh')
    await done([{ op: 'remove', path: `/http/server[${host}:${other} fresh.test]` }])
    await assert.rejects(pageFor(scope, other, '/', 'fresh.test'))
  })

  it('keeps one change from overtaking another', async () => {
    const answer = await curl(scope, '-si', `http://${host}:${control.port}/api/v2/config`)
    const etag = /^etag: (.*)\r$/im.exec(answer)![1]!
    const change = (value: string): Promise<string> =>
      curl(
        scope,
        ...['-s', '-o', '-', '-w', '%{http_code}', '-X', 'PATCH', '-H', `If-Match: ${etag}`],
        ...['--data', JSON.stringify([{ op: 'replace', path: `${server}/expires`, value }])],
        `http://${host}:${control.port}/api/v2/config`,
      )
    const answers = await Promise.all([change('expires 4h;'), change('expires 5h;')])
    assert.deepEqual(answers.map((text) => text.slice(-3)).sort(), ['200', '412'])
  })

  it('tells of changes by server-sent events', async () => {
    const url = `http://${host}:${control.port}/api/v2/events`
    const listener = spawn('curl', ['-sN', url], { stdio: ['ignore', 'pipe', 'ignore'] })
    onEnd(scope, () => void listener.kill())
    let text = ''
    listener.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    await until(() => text.startsWith(': revision '), { what: 'the stream to begin' })
    const last = await done([{ op: 'replace', path: `${server}/expires`, value: 'expires 6h;' }])
    await until(() => text.includes(`id: ${last}\n`) && text.endsWith('\n\n'), {
      what: 'the event',
    })
    const [, data] = /event: change\ndata: (.*)\n/.exec(text)!
    const event = JSON.parse(data!)
    assert.equal(event.revision, last)
    assert.equal(event.action, 'PATCH /api/v2/config')
    assert.deepEqual([event.actor, event.peer], [host, host])
    assert.deepEqual(event.keys, [`/dyn/config/http/server@${host}:${port},shop.test/expires`])
    listener.kill()
    const missed = await curl(scope, '-sN', '-m', '1', '-H', `Last-Event-ID: ${last - 1}`, url)
    assert.match(missed, new RegExp(`id: ${last}\n`))
  })

  it('shows how revisions differ', async () => {
    const last = await revision()
    const { text } = await control.ask(scope, 'GET', `/api/v2/diff?from=${last - 1}&to=${last}`)
    assert.match(text, /^-\s+expires [45]h;$/m)
    assert.match(text, /^\+\s+expires 6h;$/m)
  })

  it('sets a whole configuration by what differs, and gives it back', async () => {
    const shown = await control.ask(scope, 'GET', '/api/v2/config')
    const earlier = await revision()
    const same = await control.ask(scope, 'PUT', '/api/v2/config', shown.text)
    assert.equal(same.status, 200, same.text)
    assert.equal(await revision(), earlier)
    const wanted = shown.text.replace('return 200 new;', 'return 200 newer;')
    const put = await control.ask(scope, 'PUT', '/api/v2/config', wanted)
    assert.equal(put.status, 200, put.text)
    assert.equal(await page('/new'), '200 newer')
    const text = (await control.ask(scope, 'GET', '/api/v2/config')).text
    assert.equal(text, wanted)
    const broken = await control.ask(scope, 'PUT', '/api/v2/config', `${wanted}}`)
    assert.equal(broken.status, 400)
  })

  it('changes what processes are made by: workers, log level, connections', async () => {
    const workers = (): number => control.engine.children('worker process').length
    await done([{ op: 'replace', path: '/worker_processes', value: 'worker_processes 3;' }])
    await until(() => workers() === 3, { what: 'three workers' })
    await done([{ op: 'replace', path: '/worker_processes', value: 'worker_processes 2;' }])
    await until(() => workers() === 2, { what: 'two workers' })
    const refused = await patch([{ op: 'add', path: '/', value: 'user nobody;' }])
    assert.equal(refused.status, 422)
    assert.match(refused.text, /taken from the files/)
  })

  it('keeps what was acknowledged over kills, a reload and a restart', async () => {
    const check = async (): Promise<void> => {
      await until(
        () =>
          page('/new')
            .then((text) => text === '200 newer')
            .catch(() => false),
        {
          what: 'the change to be there',
        },
      )
      assert.equal(await expires(), 'max-age=21600')
      assert.equal(await page('/old'), '200 shop')
    }
    await control.kill('worker process')
    await check()
    await control.kill('ctrl')
    await control.waitForControl(scope)
    assert.equal((await get(`${server}/location[= /old]`)).status, 404)
    await check()
    assert.ok(await control.engine.reload())
    await check()
    const shown = (await control.ask(scope, 'GET', '/api/v2/config')).text
    await control.engine.stop('SIGQUIT')
    control = await startControl(scope, {
      workers: 2,
      stream: '',
      blocks: http(),
      prefix: control.prefix,
      controlPort: control.port,
    })
    await check()
    assert.equal((await control.ask(scope, 'GET', '/api/v2/config')).text, shown)
    const back = await control.ask(scope, 'POST', '/api/v2/rollback', { to: 0 })
    assert.equal(back.text, '{"code":0,"msg":"success."}')
    assert.equal(await page('/old'), '200 old')
    assert.equal(await expires(), 'max-age=3600')
  })
})

/** What curl writes; it may be stopped by its own time limit. */
async function curl(scope: Scope, ...args: readonly string[]): Promise<string> {
  const child = spawn('curl', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  onEnd(scope, () => void child.kill())
  let text = ''
  for await (const chunk of child.stdout.setEncoding('utf8')) text += chunk
  return text
}

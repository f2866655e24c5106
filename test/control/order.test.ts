/**
 * The order of servers and of expression locations, changed live: the text that the engine shows is given to
 * nginx, and both answer every request alike, live and after a restart of the engine.
 */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { type Nginx, startNginx } from '../support/nginx.ts'
import { freePorts } from '../support/ports.ts'
import { Random } from '../support/random.ts'
import {
  type Control,
  type ControlOptions,
  host,
  pageFor,
  type Reply,
  startControl,
} from './support.ts'

const patient = { timeout: 300_000 }
const stepsPerRun = 30
/** Every so many changes nginx is asked, and every so many the engine is started anew. */
const comparedEvery = 5
const restartedEvery = 10
const seeds = [1, 2, 3] as const

/** Expressions of which several match a path, so that the first one counts. */
const expressions = ['a', 'b', 'ab', '^/a', 'c', '[bc]$'] as const
const paths = ['/a', '/b', '/ab', '/cab', '/abc', '/xb', '/none'] as const
const names = ['one', 'two', 'three', '~^o', '~e$', '~t'] as const
const hosts = ['one', 'two', 'three', 'ooo', 'tee', 'nobody'] as const

/** An engine that can be started anew. */
class Door {
  readonly ports: readonly [number, number]
  readonly #options: ControlOptions
  #control: Control

  private constructor(options: ControlOptions, ports: readonly [number, number], control: Control) {
    this.#options = options
    this.ports = ports
    this.#control = control
  }

  static async open(t: TestContext): Promise<Door> {
    const [first, second, controlPort] = (await freePorts(3)) as [number, number, number]
    const ports = [first, second] as const
    const blocks = `http {${httpOf(ports)}\n}`
    const options = { stream: '', blocks, workers: 2, controlPort }
    const control = await startControl(t, options)
    return new Door({ ...options, prefix: control.prefix }, ports, control)
  }

  async restart(t: TestContext): Promise<void> {
    await this.#control.engine.stop()
    this.#control = await startControl(t, this.#options)
  }

  ask(t: TestContext, method: string, path: string, body?: unknown): Promise<Reply> {
    return this.#control.ask(t, method, path, body)
  }

  /** The configuration in force, as text. */
  async shown(t: TestContext): Promise<string> {
    const { status, text } = await this.ask(t, 'GET', '/api/v2/config')
    assert.equal(status, 200, text)
    return text
  }
}

function httpOf(ports: readonly number[]): string {
  const [first, second] = ports
  return `
    server { listen ${host}:${first}; server_name one; location ~ a { return 200 one-a; } location ~ b { return 200 one-b; } location / { return 404; } }
    server { listen ${host}:${first}; server_name two; location ~ ab { return 200 two-ab; } location / { return 200 two; } }
    server { listen ${host}:${second}; server_name ~^o; location / { return 200 other-o; } }
    server { listen ${host}:${second}; server_name ~e$; location / { return 200 other-e; } }`
}

/** What the http block of a shown configuration holds. */
function httpIn(text: string): string {
  return /^http \{\n(.*?)^\}/ms.exec(text)![1]!
}

/** Every answer of one who listens on those ports, by port, host and path. */
async function answers(
  t: TestContext,
  ports: readonly number[],
): Promise<readonly (readonly [string, string])[]> {
  const asked = [0, 1].flatMap((i) =>
    hosts.flatMap((name) => paths.map((path) => ({ i, name, path }))),
  )
  return Promise.all(
    asked.map(async ({ i, name, path }) => {
      const { status, body } = await pageFor(t, ports[i]!, path, name)
      const text = status === 200 ? body.toString() : ''
      return [`${i} ${name}${path}`, `${status} ${text}`] as const
    }),
  )
}

/** nginx on ports of its own, with what the engine shows. */
class Oracle {
  readonly #ports: readonly number[]
  #nginx: Nginx | undefined

  constructor(ports: readonly number[]) {
    this.#ports = ports
  }

  async compare(t: TestContext, door: Door): Promise<void> {
    const text = httpIn(await door.shown(t))
    const http = door.ports.reduce(
      (all, port, i) => all.replaceAll(`${host}:${port}`, `${host}:${this.#ports[i]}`),
      text,
    )
    if (this.#nginx === undefined) this.#nginx = await startNginx(t, { http })
    else await this.#nginx.reload({ http })
    const theirs = await answers(t, this.#ports)
    assert.deepEqual(await answers(t, door.ports), theirs, text)
  }
}

interface Change {
  readonly method: string
  readonly path: string
  readonly body: unknown
}

function randomChange(random: Random, ports: readonly number[], serial: number): Change {
  const port = random.pick(ports)
  const name = random.pick(names)
  const expression = random.pick(expressions)
  const server = ['http', { server: `${host}:${port}`, name }]
  const location = ['location', '~', expression]
  const text = `location ~ ${expression} { return 200 ${serial}; }`
  const whole = `server { listen ${host}:${port}; server_name ${name}; ${text} location / { return 200 s${serial}; } }`
  const door = (op: string, path: unknown, value?: string): Change => {
    const operation = { op, path, ...(value !== undefined && { value }) }
    return { method: 'PATCH', path: '/api/v2/config', body: [operation] }
  }
  const place = { addr_port: `${host}:${port}`, server_name: name }
  const fields = { location_rule: '~', location_name: expression }
  return random.pick([
    door('add', server, text),
    door('add', server, text),
    door('replace', [...server, location], text),
    door('replace', [...server, location], text),
    door('replace', [...server, location], text.replace(expression, random.pick(expressions))),
    door('remove', [...server, location]),
    door('add', ['http'], whole),
    door('replace', server, whole),
    door('replace', [...server, ['server_name']], `server_name ${random.pick(names)};`),
    door('remove', server),
    {
      method: 'POST',
      path: '/api/v1/dyn_loc',
      body: {
        type: 'add',
        ...place,
        locations: [{ ...fields, location_body: `return 200 d${serial};` }],
      },
    },
    { method: 'PUT', path: '/api/v1/dyn_loc', body: { type: 'del', ...place, ...fields } },
  ])
}

/** The shown text with one server, or one location of one, at another place among its like. */
function shuffled(random: Random, text: string): string {
  const pattern =
    random.integer(0, 1) === 0
      ? /^ {4}server \{\n.*?^ {4}\}\n|^ {4}server \{[^\n]*\}\n/gms
      : /^ {8}location ~ [^\n]* \{\n.*?^ {8}\}\n/gms
  const blocks = [...text.matchAll(pattern)].map(([block]) => block)
  if (blocks.length < 2) return text
  const at = random.integer(0, blocks.length - 2)
  const [one, two] = [blocks[at]!, blocks[at + 1]!]
  const start = text.indexOf(one + two)
  if (start < 0) return text
  return `${text.slice(0, start)}${two}${one}${text.slice(start + one.length + two.length)}`
}

describe('the order of what is tried in order', patient, () => {
  it('is what a PUT says, in every worker, and after a restart', async (t) => {
    const door = await Door.open(t)
    const { ports } = door
    const oracle = new Oracle(await freePorts(2))
    await oracle.compare(t, door)
    const before = await door.shown(t)
    const servers = [...before.matchAll(/^ {4}server \{.*\}\n/gm)].map(([block]) => block)
    assert.equal(servers.length, 4)
    const reversed = servers
      .toReversed()
      .map((block) => block.replace(/(location ~ a .*?\}) (location ~ b .*?\})/, '$2 $1'))
    const wanted = before.replace(servers.join(''), reversed.join(''))
    assert.notEqual(wanted, before)
    const done = await door.ask(t, 'PUT', '/api/v2/config', wanted)
    assert.equal(done.status, 200, done.text)
    const after = await door.shown(t)
    const heads = (text: string): readonly string[] =>
      text.match(/(?<=server_name |location )[^;{]+/g) ?? []
    assert.deepEqual(heads(after), heads(wanted))
    await oracle.compare(t, door)
    assert.equal((await pageFor(t, ports[0], '/none', 'nobody')).body.toString(), 'two')
    assert.equal((await pageFor(t, ports[1], '/', 'one')).body.toString(), 'other-e')
    assert.equal((await pageFor(t, ports[0], '/ab', 'one')).body.toString(), 'one-b')
    await door.restart(t)
    assert.equal(await door.shown(t), after)
    await oracle.compare(t, door)
    const back = await door.ask(t, 'PUT', '/api/v2/config', before)
    assert.equal(back.status, 200, back.text)
    assert.equal(await door.shown(t), before)
    await oracle.compare(t, door)
  })

  for (const seed of seeds) {
    it(`is nginx's for the text that is shown, seed ${seed}`, async (t) => {
      const random = new Random(seed)
      const door = await Door.open(t)
      const { ports } = door
      const oracle = new Oracle(await freePorts(2))
      let done = 0
      for (let step = 1; step <= stepsPerRun; step++) {
        const isPut = random.integer(0, 3) === 0
        const { method, path, body } = isPut
          ? {
              method: 'PUT',
              path: '/api/v2/config',
              body: shuffled(random, await door.shown(t)),
            }
          : randomChange(random, ports, step)
        const { status, text } = await door.ask(t, method, path, body)
        if (isPut) assert.equal(status, 200, text)
        if (status === 200 && /"code":0/.test(text)) done += 1
        if (step % restartedEvery === 0) {
          const before = await door.shown(t)
          await door.restart(t)
          assert.equal(await door.shown(t), before)
        }
        if (step % comparedEvery === 0) await oracle.compare(t, door)
      }
      assert.ok(done > stepsPerRun / 4, `${done} changes were made`)
    })
  }
})

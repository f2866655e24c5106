/**
 * What the endpoints of servers, locations and groups say of a configuration that has no block for them:
 * adding and deleting, over a running engine. Nothing is changed, and once there is a block it works.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { freePorts } from '../support/ports.ts'
import { Scope } from '../support/scope.ts'
import {
  type Control,
  host,
  mainConf,
  refused,
  type Reply,
  startControl,
  success,
} from './support.ts'

interface Endpoint {
  readonly path: string
  readonly subsystem: 'http' | 'stream'
  readonly add: object
  readonly del: object
  /** Messages for adding and deleting. */
  readonly told: readonly [string, string]
}

const server = { addr_port: `${host}:1`, server_name: 'x' }
const group = { upstream_name: 'g' }

function serversOf(path: string, subsystem: 'http' | 'stream'): Endpoint {
  return {
    path,
    subsystem,
    add: { type: 'add', ...server, server_body: 'return 200;' },
    del: { type: 'del', ...server },
    told: [`no ${subsystem} module when add vs!`, `no ${subsystem} module when del vs!`],
  }
}

function groupsOf(path: string, subsystem: 'http' | 'stream'): Endpoint {
  return {
    path,
    subsystem,
    add: { type: 'add', ...group, upstream_body: 'zone g 64k; server 127.0.0.1:1;' },
    del: { type: 'del', ...group },
    told: [`no ${subsystem} module when add upstream!`, 'error:no find upstream [g]!'],
  }
}

const endpoints: readonly Endpoint[] = [
  serversOf('dyn_srv', 'http'),
  serversOf('stream_srv', 'stream'),
  groupsOf('dyn_ups', 'http'),
  groupsOf('dyn_stream_ups', 'stream'),
  {
    path: 'dyn_loc',
    subsystem: 'http',
    add: { type: 'add', ...server, locations: [{ location_name: '/', location_body: '' }] },
    del: { type: 'del', ...server, location_name: '/' },
    told: Array.from({ length: 2 }, () => `error:host[${host}:1],no find server[x]!`) as [
      string,
      string,
    ],
  },
]

/** The main file without any of the blocks. */
function bare(conf: string): string {
  return conf.replace(/stream \{\s*\}/, '')
}

describe('a configuration without the block', { timeout: 180_000 }, () => {
  const scope = new Scope()
  let control: Control

  before(async () => {
    const options = { stream: '' }
    control = await startControl(scope, { ...options, start: { conf: bare(mainConf(options)) } })
  })

  after(() => scope.close())

  const ask = (method: string, { path }: Endpoint, body: object, query = ''): Promise<Reply> =>
    control.ask(scope, method, `/api/v1/${path}${query}`, body)

  for (const endpoint of endpoints) {
    it(`/api/v1/${endpoint.path} tells so, and nothing changes`, async () => {
      const [onAdd, onDel] = endpoint.told
      const revision = await control.revision(scope)
      for (const query of ['', '?dry_run=1']) {
        assert.deepEqual(await ask('POST', endpoint, endpoint.add, query), refused(4, onAdd))
        assert.deepEqual(await ask('PUT', endpoint, endpoint.del, query), refused(4, onDel))
      }
      assert.equal(await control.revision(scope), revision)
      const { status, text } = await ask('GET', endpoint, {})
      assert.equal(status, 200)
      assert.match(text, /^\{"\w+":\[\]\}$/)
      const shown = await control.ask(scope, 'GET', '/api/v2/config')
      assert.ok(!shown.text.includes(`${endpoint.subsystem} {`), shown.text)
    })
  }

  it('takes groups once a reload has brought it, and tells so again when it is gone', async () => {
    const [http, stream] = (await freePorts(2)) as [number, number]
    const conf = bare(mainConf({ stream: '' }))
    const blocks = `http { server { listen ${host}:${http}; } }
      stream { server { listen ${host}:${stream}; return ok; } }`
    assert.equal(await control.engine.reload(`${conf}${blocks}`), true)
    await control.waitForControl(scope)
    const groups = endpoints.filter(({ path }) => path.endsWith('ups'))
    for (const endpoint of groups) {
      assert.deepEqual(await ask('POST', endpoint, endpoint.add), success)
      assert.deepEqual(await ask('PUT', endpoint, endpoint.del), success)
    }
    assert.equal(await control.engine.reload(conf), true)
    await control.waitForControl(scope)
    for (const endpoint of endpoints) {
      const [onAdd, onDel] = endpoint.told
      assert.deepEqual(await ask('POST', endpoint, endpoint.add), refused(4, onAdd))
      assert.deepEqual(await ask('PUT', endpoint, endpoint.del), refused(4, onDel))
    }
  })
})

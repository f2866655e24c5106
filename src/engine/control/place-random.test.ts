/**
 * Random changes of several kinds: after each, the tree that was edited step by step says the same as the one
 * that a process makes which reads the journal at its start. So do trees after rollbacks.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../../test/support/random.ts'
import { blockOf, directives, findDirective } from '../conf/block.ts'
import { configurationFromText } from '../conf/includes.ts'
import { print } from '../conf/printer.ts'
import { type Directive, withBlock } from '../conf/tree.ts'
import { DynamicState } from './dynamic-state.ts'
import type { Edit, Instruction } from './instruction.ts'
import { isNewcomer } from './instruction-kinds.ts'
import { httpCertificate } from './instructions/certificate.ts'
import { httpLocation } from './instructions/http-location.ts'
import { httpServer } from './instructions/http-server.ts'
import { httpGroup } from './instructions/upstream-group.ts'
import { certificateKey, revocationListKey } from './overrides.ts'
import { type BlockStep, type Place, placeEdit, placeRemoval } from './place.ts'
import { Refusal } from './refusal.ts'

const files = `worker_processes 1;
events { worker_connections 512; }
http {
    add_header A 1;
    server { listen 80; server_name a; location / { return 200 a; } location ~ x { return 201; } }
    add_header B 2;
    server { listen 80; server_name b; ssl_certificate b.pem; ssl_certificate_key b.key; }
    upstream u { server 127.0.0.1:1; }
    server { listen 81; server_name c; location / { return 200 c; } }
}
stream {
    server { listen 90; proxy_pass 127.0.0.1:1; }
    server { listen 91; proxy_pass 127.0.0.1:2; }
}
`

const stepsPerRun = 120
/** Those above 100 have found something. */
const seeds = [...Array(25).keys(), 423, 571, 580, 728, 974, 994]
const names = ['a', 'b', 'c', 'd', 'e'] as const

/** What the master keeps: bodies by age, and every state there was. */
class Journal {
  readonly bodies = new Map<string, string>()
  readonly past: ReadonlyMap<string, string>[] = [new Map()]

  write(edits: readonly Edit[]): void {
    for (const { key, body } of edits) {
      if (body === null || isNewcomer(this.bodies.get(key))) this.bodies.delete(key)
      if (body !== null) this.bodies.set(key, body)
    }
    this.past.push(new Map(this.bodies))
  }

  instructions(): readonly Instruction[] {
    return [...this.bodies].map(([key, body]) => ({ key, body }))
  }

  editsBackTo(revision: number): readonly Edit[] {
    const then = this.past[revision]!
    const keys = new Set([...this.bodies.keys(), ...then.keys()])
    return [...keys]
      .filter((key) => this.bodies.get(key) !== then.get(key))
      .map((key) => ({ key, body: then.get(key) ?? null }))
  }
}

/** The tree's text; what stands beside each other under different names may stand in any order. */
function meaning(node: Directive): Directive {
  if (node.block === undefined) return node
  const children = [...directives(node.block)].map(meaning)
  return withBlock(
    node,
    blockOf(children.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))),
  )
}

function textOf({ tree }: DynamicState): string {
  return print({ ...meaning(tree), source: undefined })
}

function portOf(name: string): string {
  return name === 'c' ? '81' : '80'
}

/** Every server is found by each of its addresses and names, as the node that stands in the tree. */
function checkIndex({ tree, http }: DynamicState): void {
  const nodes = [...directives(findDirective(tree.block, 'http')!.block!)]
  const servers = nodes.filter(({ name }) => name === 'server')
  for (const node of servers) {
    const { addresses, names: own } = http.describe(node)
    for (const address of addresses) {
      for (const name of own) assert.equal(http.find(address, name)?.node, node)
    }
  }
  assert.equal([...http.servers()].length, servers.length)
}

function randomEdits(random: Random, state: DynamicState): readonly Edit[] {
  const name = random.pick(names)
  const addr_port = `0.0.0.0:${portOf(name)}`
  const step = { server: addr_port, name }
  const value = random.integer(1, 9)
  const place = (target: Place['target'], ...inner: readonly BlockStep[]): Place => ({
    steps: [['http'], step, ...inner],
    target,
  })
  const root = (target: Place['target']): Place => ({ steps: [['http']], target })
  const path = random.pick(['/', '/x', '/y'])
  const placed = random.pick<readonly [Place, string]>([
    [root('add_header'), `add_header C ${value};`],
    [root(['upstream', 'u']), `upstream u { server 127.0.0.1:${value}; }`],
    [
      root(step),
      `server { listen ${addr_port}; server_name ${name}; expires ${value}h; location / { } }`,
    ],
    [place('expires'), `expires ${value}h;`],
    [place('ssl_certificate'), `ssl_certificate ${value}.pem;`],
    [place('ssl_crl'), `ssl_crl ${value}.crl;`],
    [place(['location', path]), `location ${path} { return ${200 + value}; }`],
    [place(['location', '~', 'x']), `location ~ x { return ${200 + value}; }`],
    [place('add_header', ['location', path]), `add_header D ${value};`],
    [{ steps: [['http'], ['upstream', 'u']], target: 'keepalive' }, `keepalive ${value};`],
    [{ steps: [['events']], target: 'worker_connections' }, `worker_connections ${value};`],
    [
      { steps: [['stream'], { server: '90', name: '' }], target: 'proxy_pass' },
      `proxy_pass 127.0.0.1:${value};`,
    ],
  ])
  const set = (key: string, body: unknown): readonly Edit[] => {
    return [{ key, body: random.integer(0, 2) === 0 ? null : JSON.stringify(body) }]
  }
  switch (random.integer(0, 9)) {
    case 0:
      return set(`${httpServer.topic}s_${name}`, {
        addr_port,
        server_name: name,
        server_body: `expires ${value}m;`,
      })
    case 1:
      return set(`${httpLocation.topic}l_${name}${path}`, {
        addr_port,
        server_name: name,
        locations: [{ location_name: path, location_body: `expires ${value}s;` }],
      })
    case 2: {
      const server = state.http.find(
        { protocol: 'tcp', host: '0.0.0.0', port: Number(portOf(name)) },
        name,
      )
      if (server === undefined) return []
      const address = { listens: [addr_port], serverNames: [name] }
      if (random.integer(0, 1) === 0)
        return set(revocationListKey(server), { ...address, ssl_crl: `dyn${value}.crl` })
      const certificate = `dyn${value}.pem`
      return set(certificateKey(httpCertificate, server, certificate), {
        ...address,
        cert_info: { certificate, certificateKey: `dyn${value}.key` },
      })
    }
    case 4:
      return set(httpGroup.keyOf(`g${value}`), {
        upstream_name: `g${value}`,
        upstream_body: `zone z${value} 64k;`,
      })
    case 5:
      return [placeRemoval(placed[0])]
    case 6:
      return [placeEdit(placed[0], '')]
    default:
      return [placeEdit(...placed)]
  }
}

for (const seed of seeds) {
  test(`what is edited live is what a process finds that starts then, seed ${seed}`, () => {
    const random = new Random(seed)
    const { main } = configurationFromText(files, '/t/conf/trijet.conf')
    const journal = new Journal()
    let state = DynamicState.rebase(main, [], '/t').state
    let made = 0
    for (let i = 0; i < stepsPerRun; i++) {
      const isBack = random.integer(0, 11) === 0
      try {
        const edits = isBack
          ? journal.editsBackTo(random.integer(0, journal.past.length - 1))
          : state.complete(randomEdits(random, state))
        state = state.edit(edits)
        journal.write(edits)
        made += 1
      } catch (error) {
        assert.ok(error instanceof Refusal, error as Error)
        assert.ok(!isBack, `a way back was refused: ${error.message}`)
        continue
      }
      const anew = DynamicState.rebase(main, journal.instructions(), '/t')
      assert.deepEqual(anew.leftOut, [])
      assert.equal(textOf(state), textOf(anew.state), [...journal.bodies.keys()].join('\n'))
      checkIndex(state)
    }
    assert.ok(made > stepsPerRun / 4)
    const back = state.edit(journal.editsBackTo(0))
    assert.equal(textOf(back), textOf(DynamicState.rebase(main, [], '/t').state))
  })
}

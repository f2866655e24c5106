/** However a configuration was reached, step by step or at once, the same is served. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blockOf, directives, findDirective, indexOfDirective, splice } from '../conf/block.ts'
import { configurationFromText } from '../conf/includes.ts'
import { type Directive, withBlock } from '../conf/tree.ts'
import { formatAddress } from '../net/address.ts'
import { StreamCompiler } from './compile.fixture.ts'
import type { StreamPart } from './part.ts'

const runs = 40
const stepsPerRun = 30

/** A small generator of random numbers with a seed (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let value = Math.imul(state ^ (state >>> 15), 1 | state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return ((value ^ (value >>> 14)) >>> 0) % below
  }
}

const addresses = ['1000', '127.0.0.1:1000', '1001', '[::]:1000', '1000 udp', '127.0.0.1:1001 bind']

function randomBlock(random: (below: number) => number): Directive {
  const kind = random(10)
  if (kind === 0) return parseOne(`map $remote_addr $m${random(2)} { default ${random(9)}; }`)
  if (kind === 1) return parseOne(`upstream u${random(2)} { server 127.0.0.1:${1 + random(9)}; }`)
  const flag = random(8) === 0 ? ' default_server' : ''
  const names = Array.from({ length: 1 + random(2) }, () =>
    random(6) === 0 ? `~^n[${random(5)}-4]` : `n${random(5)}`,
  ).join(' ')
  const body = [
    'return x;',
    `return $m${random(2)};`,
    `proxy_pass u${random(2)};`,
    'proxy_pass 127.0.0.1:9;',
  ]
  const listen = `${addresses[random(addresses.length)]!}${flag}`
  return parseOne(`server { listen ${listen}; server_name ${names}; ${body[random(4)]!} }`)
}

function parseOne(source: string): Directive {
  return [...directives(configurationFromText(source, 'one.conf').main.block!)][0]!
}

function change(tree: Directive, random: (below: number) => number): Directive {
  const stream = findDirective(tree.block, 'stream')!
  const block = stream.block!
  const index = random(block.size + 1)
  const remove = index < block.size && random(2) === 0 ? 1 : 0
  const nodes = remove === 1 && random(2) === 0 ? [] : [randomBlock(random)]
  const next = withBlock(stream, splice(block, index, remove, nodes))
  return withBlock(tree, splice(tree.block!, indexOfDirective(tree.block!, stream), 1, [next]))
}

/** What a part serves, as plain data. */
function served(part: StreamPart): unknown {
  const ports = [...part.table.ports.values()].map((port) => ({
    key: port.key,
    servers: port.servers,
    fallback: at(port.fallback?.node),
    explicit: port.fallbackIsExplicit,
    covers: port.covers,
    names: ['n0', 'n1', 'n2', 'n3', 'n4'].map((name) => at(port.names.find(name)?.server.node)),
  }))
  const listeners = [...part.listeners.values()].map(({ key, address }) => [
    key,
    formatAddress(address),
  ])
  const groups = [...part.upstreams.entries.values()].map(({ cell, uses, node }) => [
    cell.name,
    uses,
    node === undefined,
    cell.current.peers.map(({ name }) => name),
  ])
  return JSON.parse(JSON.stringify([ports, listeners, groups].map((list) => list.map(text).sort())))
}

function text(value: unknown): string {
  return JSON.stringify(value)
}

const numbers = new WeakMap<Directive, number>()
let numbered = 0

/** Tells blocks apart that have the same text. */
function at(node: Directive | undefined): number {
  if (node === undefined) return -1
  const known = numbers.get(node) ?? (numbered += 1)
  numbers.set(node, known)
  return known
}

test('a random walk of changes ends where a fresh start begins', () => {
  let accepted = 0
  for (let seed = 1; seed <= runs; seed++) {
    const random = randomFrom(seed)
    const walking = new StreamCompiler()
    let tree = parseOneTree()
    assert.ok(walking.apply(tree))
    for (let step = 0; step < stepsPerRun; step++) {
      const next = change(tree, random)
      const fresh = new StreamCompiler()
      const [ok, freshOk] = [walking.apply(next), fresh.apply(next)]
      assert.equal(
        ok,
        freshOk,
        `seed ${seed} step ${step}: ${walking.messages.join()} / ${fresh.messages.join()}`,
      )
      if (!ok) continue
      accepted += 1
      tree = next
      assert.deepEqual(served(walking.part), served(fresh.part), `seed ${seed} step ${step}`)
    }
  }
  assert.ok(accepted > (runs * stepsPerRun) / 4, `${accepted} changes were accepted`)
})

function parseOneTree(): Directive {
  const { main } = configurationFromText('stream { }', 'test.conf')
  const stream = findDirective(main.block, 'stream')!
  const first = [
    'map $remote_addr $m0 { default 0; }',
    'map $remote_addr $m1 { default 0; }',
    'upstream u0 { server 127.0.0.1:1; }',
    'upstream u1 { server 127.0.0.1:1; }',
  ].map(parseOne)
  return withBlock(main, blockOf([withBlock(stream, blockOf(first))]))
}

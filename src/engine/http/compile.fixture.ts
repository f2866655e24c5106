/** Compiles http blocks, and changes of them, without listening anywhere. */
import assert from 'node:assert/strict'
import {
  append,
  type Block,
  directives,
  findDirective,
  indexOfDirective,
  splice,
} from '../conf/block.ts'
import { configurationFromText } from '../conf/includes.ts'
import { type Directive, withBlock } from '../conf/tree.ts'
import { LogFiles, silentLog } from '../core/log.ts'
import { ModuleTable } from '../core/module-table.ts'
import { applyTree } from '../core/snapshot.fixture.ts'
import type { Snapshot } from '../core/snapshot.ts'
import type { VariableValue } from '../core/variables.ts'
import { AccessLogWriter } from '../modules/access-log.ts'
import { privateZoneMemory } from '../core/zone-memory.ts'
import { createTransport } from '../net/create-transport.ts'
import { TimingWheel } from '../net/timing-wheel.ts'
import { createPrivateZone } from '../upstream/peer-zone.ts'
import { httpModules } from './built-in-modules.ts'
import type { HttpPart } from './part.ts'
import type { HttpPort } from './server.ts'
import { createHttpSubsystem } from './subsystem.ts'

const table = new ModuleTable(httpModules)

const transport = createTransport({ log: silentLog, kind: 'node' })

export class Compiler {
  readonly subsystem: ReturnType<typeof createHttpSubsystem> = createHttpSubsystem({
    transport,
    timers: new TimingWheel({ now: () => 0 }),
    accessLogs: new AccessLogWriter(new LogFiles(), transport),
    zoneMemory: privateZoneMemory(),
    log: silentLog,
    peerZone: () => createPrivateZone(64),
    errorLog: () => silentLog,
    nextConnection: () => 1,
    keyValues: { get: () => undefined },
    chance: Math.random,
    product: { name: 'trijet', version: '0' },
  })
  snapshot: Snapshot | undefined
  tree: Directive
  messages: readonly string[] = []

  constructor(http: string) {
    this.tree = parse(http)
    assert.equal(this.apply(this.tree), true, this.messages.join())
  }

  get part(): HttpPart {
    return this.snapshot!.parts.get('http') as HttpPart
  }

  /** What a variable is that depends on no request. */
  constant(name: string): VariableValue {
    return this.part.variables.find(name)!.get(undefined as never, name)
  }

  port(address = '0.0.0.0:80'): HttpPort {
    return this.part.ports.get(`tcp ${address}`)!
  }

  /** First name of the server that a host means. */
  who(host: string): string {
    const port = this.port()
    return (port.names.find(host)?.server ?? port.fallback!).name
  }

  /** Takes the tree into use; false when it is refused, and then nothing has changed. */
  apply(tree: Directive): boolean {
    const { subsystem, snapshot: before } = this
    const { snapshot, messages } = applyTree(tree, { subsystem, table, before })
    this.messages = messages
    if (snapshot === undefined) return false
    this.snapshot = snapshot
    this.tree = tree
    return true
  }

  change(change: (http: Directive) => Directive): boolean {
    const http = findDirective(this.tree.block, 'http')!
    const at = indexOfDirective(this.tree.block!, http)
    return this.apply(withBlock(this.tree, splice(this.tree.block!, at, 1, [change(http)])))
  }

  add(text: string): boolean {
    return this.change((http) => withBlock(http, append(http.block!, parseOne(text))))
  }

  /** Puts a directive into one of http. */
  extend(find: (node: Directive) => boolean, text: string): boolean {
    return this.rewrite(find, (block) => append(block, parseOne(text)))
  }

  /** Changes what stands in one of http. */
  rewrite(find: (node: Directive) => boolean, change: (block: Block) => Block): boolean {
    return this.change((http) => {
      const node = [...directives(http.block!)].find(find)!
      const at = indexOfDirective(http.block!, node)
      return withBlock(http, splice(http.block!, at, 1, [withBlock(node, change(node.block!))]))
    })
  }

  /** Puts `text` in the place of the directive that `find` points to, or takes that away. */
  replace(find: (node: Directive) => boolean, text?: string): boolean {
    return this.change((http) => {
      const node = [...directives(http.block!)].find(find)!
      const at = indexOfDirective(http.block!, node)
      return withBlock(http, splice(http.block!, at, 1, text === undefined ? [] : [parseOne(text)]))
    })
  }
}

export function parse(http: string): Directive {
  const { main, diagnostics } = configurationFromText(`http {\n${http}\n}`, 'test.conf')
  assert.deepEqual(diagnostics, [])
  return main
}

export function parseOne(text: string): Directive {
  return [...directives(configurationFromText(text, 'one.conf').main.block!)][0]!
}

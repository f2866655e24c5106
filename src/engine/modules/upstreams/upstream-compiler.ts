/**
 * Compiles `upstream` blocks and the targets that servers name, into cells.
 *
 * Nothing here changes what is served before the commit: a new version of a group is made beside the one in
 * force and closed again when the session is aborted. Host names are looked up while preparing.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import type { Directive } from '../../conf/tree.ts'
import type { CompileSession } from '../../core/compile-session.ts'
import type { PersistentMap } from '../../core/persistent-map.ts'
import type { VariableScope } from '../../core/variable-scope.ts'
import type { Resolvers } from '../resolvers.ts'
import { formatAddress } from '../../net/address.ts'
import { parseEndpoint } from '../../upstream/addresses.ts'
import { Group, type GroupOptions } from '../../upstream/group.ts'
import { compileMatch, type Match } from '../../upstream/health/match-block.ts'
import { KeepalivePool } from '../../upstream/keepalive-pool.ts'
import { MemberWatch } from '../../upstream/member-watch.ts'
import {
  lookUpServers,
  type Members,
  serversToLookUp,
  toGroupConfig,
} from '../../upstream/members.ts'
import { parseUpstream, type UpstreamConfig } from '../../upstream/parse-upstream.ts'
import type { ResolverConfig } from '../../upstream/resolver-directive.ts'
import type { ServerConfig } from '../../upstream/server-directive.ts'
import type { UpstreamServices } from './services.ts'
import {
  type TargetOptions,
  type UpstreamCell,
  type UpstreamCells,
  type UpstreamEntry,
  UpstreamTable,
} from './upstream-cells.ts'
import { endProber, probersOf, setProber } from './upstream-probers.ts'

const emptyCell = { watch: undefined, pool: undefined, prober: undefined } as const

/** How long a change waits for the first addresses of names that are looked up again and again. */
const firstLookUpTimeoutMs = 2000

export interface UpstreamCompilerOptions {
  readonly context: 'http.upstream' | 'stream.upstream'
  readonly session: CompileSession
  readonly variables: VariableScope
  readonly services: UpstreamServices
  readonly resolvers: Resolvers
  /** `resolver` and `resolver_timeout` of the block around. */
  readonly outer: { readonly resolver: ResolverConfig | undefined; readonly timeoutMs: number }
}

export class UpstreamCompiler implements UpstreamCells {
  readonly #options: UpstreamCompilerOptions
  readonly #before: PersistentMap<UpstreamEntry>
  #entries: PersistentMap<UpstreamEntry>
  readonly #matches: Map<string, Match>
  /** Names of groups whose blocks went. */
  readonly #removed = new Set<string>()
  /** Names of those that should not have. */
  readonly #refused = new Set<string>()

  /** Goes on from the groups before when `keep` is set; otherwise blocks and uses are noted anew. */
  constructor(options: UpstreamCompilerOptions, before: UpstreamTable | undefined, keep: boolean) {
    this.#options = options
    this.#before = (before ?? new UpstreamTable()).entries
    this.#entries = keep ? this.#before : new UpstreamTable().entries
    this.#matches = new Map(keep ? before?.matches : undefined)
  }

  /** Compiles a `match` block; it must be there before the groups that refer to it. */
  defineMatch(node: Directive): void {
    const { session, context } = this.#options
    const name = node.args[0] ?? ''
    if (this.#matches.has(name)) session.fail(`duplicate match "${name}"`, node)
    const subsystem = context === 'http.upstream' ? 'http' : 'stream'
    const match = session.attempt(node, () => compileMatch(node, subsystem))
    if (match !== undefined) this.#matches.set(name, match)
  }

  /** Compiles an `upstream` block; a group of that name goes on as its next version. */
  define(node: Directive): void {
    const { session, variables, outer, context } = this.#options
    const key = node.args[0]?.toLowerCase() ?? ''
    const known = this.#entries.get(key)
    if (known?.node !== undefined) {
      session.fail(`duplicate upstream "${node.args[0]}"`, node)
      return
    }
    const match = (name: string): Match | undefined => this.#matches.get(name)
    const config = parseUpstream(node, { context, session, variables, outer, match })
    if (config === undefined) return
    const before = this.#before.get(key)
    const uses = known?.uses ?? 0
    // The very block that the group was made of, in surroundings that say the same.
    const same =
      before?.node === node &&
      before.config.resolver === config.resolver &&
      this.#hasMatchesOf(before.config)
    const entry = same ? { ...before, uses } : this.#build(key, { node, config, before, uses })
    this.#entries = this.#entries.set(key, entry)
  }

  #hasMatchesOf({ matches = new Map() }: UpstreamConfig): boolean {
    return [...matches].every(([name, match]) => this.#matches.get(name) === match)
  }

  /** Takes the block of a group away; what still refers to it is checked by the caller. */
  remove(node: Directive): void {
    const key = node.args[0]?.toLowerCase() ?? ''
    const entry = this.#entries.get(key)
    if (entry?.node !== node) return
    this.#removed.add(key)
    this.#entries = this.#entries.delete(key)
    if (entry.uses > 0) this.#entries = this.#entries.set(key, { ...entry, node: undefined })
  }

  use(target: string, at?: Directive, options: TargetOptions = {}): UpstreamCell {
    const entry = this.#entries.get(target.toLowerCase())
    const gone = entry?.node === undefined ? this.#goneIn(target.toLowerCase()) : undefined
    if (gone !== undefined) {
      this.#refuseLoss(gone)
      return gone.cell
    }
    const known = entry?.node === undefined ? this.#implicit(target, options, at) : entry
    this.#entries = this.#entries.set(known.cell.name, { ...known, uses: known.uses + 1 })
    return known.cell
  }

  /** A server that referred to those cells is gone. */
  release(names: readonly string[]): void {
    for (const name of names) {
      const entry = this.#entries.get(name)
      if (entry === undefined) continue
      const next = { ...entry, uses: entry.uses - 1 }
      const gone = next.uses === 0 && next.node === undefined
      this.#entries = gone ? this.#entries.delete(name) : this.#entries.set(name, next)
    }
  }

  finish(): UpstreamTable {
    for (const key of this.#removed) {
      const gone = this.#entries.get(key)?.node === undefined ? this.#goneIn(key) : undefined
      if (gone !== undefined && this.#entries.has(key)) this.#refuseLoss(gone)
    }
    const gone = this.#entries
      .changesSince(this.#before)
      .filter(({ before, after }) => before !== undefined && after?.cell !== before.cell)
    if (gone.length > 0) {
      this.#options.session.onCommit(() => {
        for (const { before } of gone) {
          if (before !== undefined) endProber(before.cell, probersOf(this.#options.services))
          before?.cell.watch?.close()
          before?.cell.pool?.close()
          before?.cell.current.close()
        }
      })
    }
    return new UpstreamTable(this.#entries, this.#matches)
  }

  /** The group that a change of what runs takes away; files may do so. */
  #goneIn(key: string): UpstreamEntry | undefined {
    const before = this.#before.get(key)
    return this.#options.session.edits && before?.node !== undefined ? before : undefined
  }

  #refuseLoss({ cell, node }: UpstreamEntry): void {
    if (this.#refused.has(cell.name)) return
    this.#refused.add(cell.name)
    this.#options.session.fail(`fail:upstream [${node!.args[0]}] is using!`)
  }

  /** A group of one target that is no block; one without a port is another for each scheme. */
  #implicit(target: string, options: TargetOptions, at: Directive | undefined): UpstreamEntry {
    const config = implicitConfig(target, options)
    const key = implicitKey(config)
    const known = this.#entries.get(key)
    if (known !== undefined) return known
    const before = this.#before.get(key)
    if (before !== undefined && before.node === undefined) return { ...before, uses: 0 }
    return this.#build(key, { node: undefined, config, before: undefined, uses: 0 }, at)
  }

  #build(
    key: string,
    draft: Pick<UpstreamEntry, 'node' | 'config' | 'uses'> & {
      readonly before: UpstreamEntry | undefined
    },
    at: Directive | undefined = draft.node,
  ): UpstreamEntry {
    const { node, config, before, uses } = draft
    const { session } = this.#options
    const cell = before?.cell ?? ({ ...emptyCell, name: key } as UpstreamCell)
    const unknown = serversToLookUp(config)
    const watched = config.servers.some(({ resolve }) => resolve)
    if (unknown.length === 0 && !watched) this.#point(cell, config, new Map())
    else {
      session.onPrepare(async () => {
        const members = await lookUpServers(unknown).catch((error: unknown) => {
          if (error instanceof ConfError) session.fail(error.message, at)
          throw error
        })
        if (!watched) this.#point(cell, config, members)
        else {
          const watch = await this.#watch(cell, config, members)
          this.#point(cell, config, watch.members, watch)
        }
      })
    }
    return { cell, node, config, uses }
  }

  /** Looks names up that change while serving; the first answers are waited for, for a while. */
  async #watch(cell: UpstreamCell, config: UpstreamConfig, fixed: Members): Promise<MemberWatch> {
    const { session, resolvers, services } = this.#options
    const watch: MemberWatch = new MemberWatch(config, {
      resolver: resolvers.get(config.resolver!, config.resolverTimeoutMs),
      fixed,
      onChange: (members) => {
        if (cell.watch === watch) renew(cell, config, members)
      },
      onFailure: ({ message }) => services.log.write('error', message),
    })
    session.onAbort(() => watch.close())
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, firstLookUpTimeoutMs)
    await Promise.race([watch.start(), late])
    clearTimeout(timer)
    return watch
  }

  /** Makes the group and sees to it that the cell points to it from the commit on. */
  #point(cell: UpstreamCell, config: UpstreamConfig, members: Members, watch?: MemberWatch): void {
    const { session } = this.#options
    const before: Group | undefined = cell.current
    const groupConfig = toGroupConfig(config, members)
    const options = this.#groupOptions(config)
    const group =
      before === undefined ? new Group(groupConfig, options) : before.next(groupConfig, options)
    // A new cell has no sessions before the commit.
    cell.current ??= group
    session.onCommit(() => {
      const last = cell.current
      cell.watch?.close()
      cell.watch = watch
      cell.current = group
      setPool(cell, config)
      group.activate()
      if (!session.dryRun) setProber(cell, probersOf(this.#options.services))
      if (last !== group) last.close()
      // Answers that came while the change was prepared.
      if (watch !== undefined) renew(cell, config, watch.members)
    })
    session.onAbort(() => group.close())
  }

  #groupOptions({ zone }: UpstreamConfig): GroupOptions {
    const { services } = this.#options
    const zones = services.zoneMemory
    if (zone === undefined) return { zones }
    return { zones, zone: services.peerZone(zone.name, zone.bytes) }
  }
}

/** Connections that wait go on waiting; those to addresses that are gone end by their time-out. */
function setPool(cell: UpstreamCell, { keepalive }: UpstreamConfig): void {
  const { idle } = cell.current
  if (keepalive === undefined || keepalive.connections === 0) {
    cell.pool?.close()
    cell.pool = undefined
  } else if (cell.pool === undefined) cell.pool = new KeepalivePool(keepalive, idle)
  else cell.pool.configure(keepalive, idle)
}

/** The next version of a group whose names have other addresses now. */
function renew(cell: UpstreamCell, config: UpstreamConfig, members: Members): void {
  const before = cell.current
  cell.current = before.next(toGroupConfig(config, members))
  cell.current.activate()
  cell.prober?.follow(cell.current)
  before.close()
}

/** The settings of a group that consists of one target. */
export function implicitConfig(target: string, options: TargetOptions = {}): UpstreamConfig {
  const endpoint = parseEndpoint(target, { ...options, purpose: 'upstream' })
  if (endpoint.family === 'name' && endpoint.port === 0) {
    throw new ConfError(`no port in upstream "${target}"`)
  }
  const server: ServerConfig = {
    text: target,
    endpoint,
    weight: 1,
    maxConns: 0,
    maxFails: 1,
    failTimeoutMs: 10_000,
    slowStartMs: 0,
    backup: false,
    down: false,
    drain: false,
    route: undefined,
    resolve: false,
    service: undefined,
    parameters: [],
  }
  return {
    name: target,
    servers: [server],
    balancer: { kind: 'round_robin' },
    zone: undefined,
    resolver: undefined,
    resolverTimeoutMs: 0,
    keepalive: undefined,
    sticky: undefined,
    queue: undefined,
  }
}

/** The address, so that `host` and `host:80` are one. */
function implicitKey({ servers }: UpstreamConfig): string {
  const { endpoint } = servers[0]!
  if (endpoint.family === 'name') return `${endpoint.host}:${endpoint.port}`.toLowerCase()
  // A path of the file system is not the same in other letters.
  return formatAddress(endpoint)
}

/**
 * An `upstream` block as plain data.
 *
 * Rules that lie between directives are here: one balancing method (a later one replaces the one before,
 * with a warning), parameters that a method does not support, and servers there must be.
 */
import { directives, emptyBlock } from '../conf/block.ts'
import { ConfError } from '../conf/diagnostics.ts'
import type { Directive } from '../conf/tree.ts'
import type { CompileSession } from '../core/compile-session.ts'
import type { Row, ValueEnv } from '../core/module.ts'
import type { VariableScope } from '../core/variable-scope.ts'
import type { BalancerConfig } from './balancer.ts'
import type { BreakerConfig } from './breaker.ts'
import {
  type HttpUpstreamConf,
  httpUpstream,
  type StateConfig,
  streamUpstream,
  type ZoneConfig,
} from './directives.ts'
import type { CheckParameters } from './health/check-settings.ts'
import { compileProbe, type HealthCheckNode, toHealthConfig } from './health/compile-health.ts'
import type { Match } from './health/match-block.ts'
import type { HealthConfig } from './health/probe.ts'
import type { QueueConfig } from './peer-queue.ts'
import type { ResolverConfig } from './resolver-directive.ts'
import type { RetryBudgetConfig } from './retry-budget.ts'
import type { ServerConfig } from './server-directive.ts'
import { readState } from './state-file.ts'
import type { StickyConfig } from './sticky.ts'

export interface KeepaliveConfig {
  /** 0: connections are not kept. */
  readonly connections: number
  readonly requestsMax: number
  readonly ageMaxMs: number
  readonly idleMaxMs: number
}

export interface UpstreamConfig {
  readonly name: string
  readonly servers: readonly ServerConfig[]
  readonly balancer: BalancerConfig
  readonly zone: ZoneConfig | undefined
  /** Name servers for `resolve`, the block's own or those of its surroundings. */
  readonly resolver: ResolverConfig | undefined
  readonly resolverTimeoutMs: number
  /** Of groups in `http` only. */
  readonly keepalive: KeepaliveConfig | undefined
  readonly sticky: StickyConfig | undefined
  readonly queue: QueueConfig | undefined
  readonly health?: HealthConfig | undefined
  readonly breaker?: BreakerConfig | undefined
  readonly retryBudget?: RetryBudgetConfig | undefined
  /** Blocks of rules that its health checks go by, by name. */
  readonly matches?: ReadonlyMap<string, Match>
}

export interface UpstreamEnv {
  readonly context: 'http.upstream' | 'stream.upstream'
  readonly session: CompileSession
  readonly variables: VariableScope
  /** The `match` block of that name in the block around. */
  readonly match?: ((name: string) => Match | undefined) | undefined
  /** `resolver` and `resolver_timeout` of the block around. */
  readonly outer?: { readonly resolver: ResolverConfig | undefined; readonly timeoutMs: number }
}

type Values = { -readonly [Name in keyof HttpUpstreamConf]?: HttpUpstreamConf[Name] }

const roundRobin: BalancerConfig = Object.freeze({ kind: 'round_robin' })

const methods: ReadonlySet<string> = new Set([
  'hash',
  'least_conn',
  'least_time',
  'random',
  'ip_hash',
])

/** Reads the block. What is wrong with it goes to the session, and the result is `undefined` then. */
export function parseUpstream(node: Directive, env: UpstreamEnv): UpstreamConfig | undefined {
  const reader = new BlockReader(env)
  for (const child of directives(node.block ?? emptyBlock)) reader.read(child)
  const config = reader.finish(node)
  return reader.failed ? undefined : config
}

class BlockReader {
  readonly #env: UpstreamEnv
  readonly #rows: Readonly<Record<string, Row<unknown>>>
  readonly #values: Values = {}
  readonly #servers: ServerConfig[] = []
  readonly #checks: HealthCheckNode[] = []
  readonly #matches = new Map<string, Match>()
  #balancer: BalancerConfig | undefined
  #inState = false
  failed = false

  constructor(env: UpstreamEnv) {
    this.#env = env
    const module = env.context === 'http.upstream' ? httpUpstream : streamUpstream
    this.#rows = module.directives as Readonly<Record<string, Row<unknown>>>
  }

  read(node: Directive): void {
    const row = this.#rows[node.name]
    // Unknown names were reported by the check of the whole tree.
    if (row === undefined) return
    const value = this.#env.session.attempt(node, () =>
      row.value.parse(node.args, this.#valueEnv(node)),
    )
    if (value === undefined) this.failed = true
    else this.#take(node, value)
  }

  finish(node: Directive): UpstreamConfig {
    const { session, outer } = this.#env
    const name = node.args[0] ?? ''
    const health = this.#health(name)
    const fault = this.#faultOf(name)
    if (fault !== undefined) {
      this.failed = true
      session.fail(fault, node)
    }
    return Object.freeze({
      name,
      servers: Object.freeze(this.#servers),
      balancer: this.#balancer ?? roundRobin,
      zone: this.#values.zone,
      resolver: this.#values.resolver ?? outer?.resolver,
      resolverTimeoutMs:
        this.#values.resolver_timeout ?? outer?.timeoutMs ?? defaultOf('resolver_timeout'),
      keepalive: this.#keepalive(),
      sticky: this.#values.sticky,
      queue: this.#values.queue,
      health,
      breaker: this.#values.circuit_breaker,
      retryBudget: this.#values.retry_budget,
      matches: this.#matches,
    })
  }

  /** Each type once: it is how the API calls a check. */
  #health(upstream: string): HealthConfig | undefined {
    const { session } = this.#env
    const checks = this.#checks
    const written = checks.filter(({ parameters }) => parameters.isCheck)
    const probes = written.flatMap((check, at) => {
      const { node, parameters } = check
      const probe = session.attempt(node, () => {
        const isTwice = written.findIndex((other) => other.parameters.type === parameters.type) < at
        if (isTwice) throw new ConfError(`duplicate health check of type "${parameters.type}"`)
        if (this.#values.zone === undefined) {
          throw new ConfError(`"health_check" needs a "zone" in upstream "${upstream}"`)
        }
        return compileProbe(check, { upstream, match: (name) => this.#match(name) })
      })
      if (probe === undefined) this.failed = true
      return probe ?? []
    })
    return checks.length === 0 ? undefined : toHealthConfig(checks, probes)
  }

  #match(name: string): Match | undefined {
    const match = this.#env.match?.(name)
    if (match !== undefined) this.#matches.set(name, match)
    return match
  }

  #faultOf(name: string): string | undefined {
    if (this.failed) return undefined
    if (this.#servers.length === 0) {
      // Servers that others may change come and go by other means.
      const { state, zone } = this.#values
      const mayBeEmpty = state !== undefined || zone !== undefined
      return mayBeEmpty ? undefined : 'no servers are inside upstream'
    }
    if (this.#servers.every(({ backup }) => backup)) return `no servers in upstream "${name}"`
    const names = this.#servers.some(({ resolve }) => resolve)
    const resolver = this.#values.resolver ?? this.#env.outer?.resolver
    if (!names || resolver !== undefined) return undefined
    return `no resolver defined to resolve names at run time in upstream "${name}"`
  }

  #take(node: Directive, value: unknown): void {
    if (node.name === 'server') this.#takeServer(node, (value as readonly ServerConfig[])[0]!)
    else if (node.name === 'health_check') {
      this.#checks.push({ node, parameters: (value as readonly CheckParameters[])[0]! })
    } else if (node.name === 'state') this.#takeState(node, value as StateConfig)
    else if (methods.has(node.name)) this.#takeMethod(node, value as BalancerConfig)
    else Object.assign(this.#values, { [node.name]: value })
  }

  #takeMethod(node: Directive, method: BalancerConfig): void {
    // nginx's keepalive wraps the method that is set, so one that follows it replaces another, too.
    if (this.#balancer !== undefined || this.#values.keepalive !== undefined) {
      this.#env.session.warn('load balancing method redefined', node)
    }
    this.#balancer = method
  }

  /** As in nginx, what a method supports counts for the servers below it. */
  #takeServer(node: Directive, server: ServerConfig): void {
    if (this.#values.state?.inline === false && !this.#inState) {
      this.failed = true
      const text = '"server" directives are incompatible with the "state" directive'
      this.#env.session.fail(text, node)
    }
    const refused = server.parameters.find((parameter) => !isSupported(parameter, this.#balancer))
    if (refused !== undefined) {
      this.failed = true
      this.#env.session.fail(`balancing method does not support parameter "${refused}"`, node)
    }
    this.#servers.push(server)
  }

  /** The file holds `server` directives and nothing else; what stands in the block instead comes behind. */
  #takeState(node: Directive, state: StateConfig): void {
    const { session } = this.#env
    Object.assign(this.#values, { state })
    if (this.#servers.length > 0) {
      this.failed = true
      session.fail('"state" directive is incompatible with "server" directives', node)
      return
    }
    if (state.inline) return
    const nodes = session.attempt(node, () => readState(state.file))
    if (nodes === undefined) this.failed = true
    this.#inState = true
    for (const server of nodes ?? []) this.read(server)
    this.#inState = false
  }

  #keepalive(): KeepaliveConfig | undefined {
    if (this.#env.context !== 'http.upstream') return undefined
    const values = this.#values
    return Object.freeze({
      connections: values.keepalive ?? defaultOf('keepalive'),
      requestsMax: values.keepalive_requests ?? defaultOf('keepalive_requests'),
      ageMaxMs: values.keepalive_time ?? defaultOf('keepalive_time'),
      idleMaxMs: values.keepalive_timeout ?? defaultOf('keepalive_timeout'),
    })
  }

  #valueEnv(node: Directive): ValueEnv {
    const { session, variables, context } = this.#env
    return {
      node,
      context,
      prefixPath: (path) => session.prefixPath(path),
      confPath: (path) => session.confPath(path),
      complex: (text) => variables.complex(text, node),
      variables,
    }
  }
}

function defaultOf<Name extends keyof HttpUpstreamConf>(name: Name): HttpUpstreamConf[Name] {
  const rows: { readonly [N in keyof HttpUpstreamConf]: Row<HttpUpstreamConf[N]> } =
    httpUpstream.directives
  return rows[name].default
}

/** Methods that choose by key or by chance know neither backups nor warming up. */
function isSupported(parameter: string, balancer: BalancerConfig = roundRobin): boolean {
  if (/^(?:round_robin|least_conn|least_time)$/.test(balancer.kind)) return true
  return parameter !== 'backup' && !parameter.startsWith('slow_start=')
}

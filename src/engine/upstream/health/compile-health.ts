/** From the `health_check` directives of a group to its probes. */
import { ConfError } from '../../conf/diagnostics.ts'
import type { Directive } from '../../conf/tree.ts'
import type { CheckParameters } from './check-settings.ts'
import { GrpcProbe } from './grpc-probe.ts'
import { HttpProbe } from './http-probe.ts'
import type { Match } from './match-block.ts'
import { statusFine } from './match-rules.ts'
import { MysqlProbe } from './mysql-probe.ts'
import type { HealthConfig, Probe, ProbeConfig } from './probe.ts'
import { ProbeTls } from './probe-tls.ts'
import { TcpProbe, UdpProbe } from './stream-probe.ts'

export interface HealthCheckNode {
  readonly node: Directive
  readonly parameters: CheckParameters
}

export interface HealthEnv {
  readonly upstream: string
  /** The `match` block of that name. */
  readonly match: (name: string) => Match | undefined
}

interface Known {
  readonly upstream: string
  readonly match: Match | undefined
  readonly config: ProbeConfig
}

/** A directive that stays has the same probe in the next version of the group, which then goes on. */
const known = new WeakMap<Directive, Known>()

/** Throws `ConfError`. */
export function compileProbe(
  { node, parameters }: HealthCheckNode,
  { upstream, match: find }: HealthEnv,
): ProbeConfig {
  const match = parameters.match === undefined ? undefined : matchOf(parameters, find)
  const before = known.get(node)
  if (before?.upstream === upstream && before.match === match) return before.config
  const { type, intervalMs, jitterMs, timeoutMs, passes, fails, port, visitIntervalMs } = parameters
  const times = { intervalMs, jitterMs, timeoutMs, visitIntervalMs }
  const probe = createProbe(parameters, upstream, match)
  const config = Object.freeze({ type, ...times, passes, fails, port, probe })
  known.set(node, { upstream, match, config })
  return config
}

export function toHealthConfig(
  checks: readonly HealthCheckNode[],
  probes: readonly ProbeConfig[],
): HealthConfig {
  const mandatory = checks.some(({ parameters }) => parameters.mandatory)
  return Object.freeze({ mandatory, probes: Object.freeze(probes) })
}

function matchOf({ type, match: name = '' }: CheckParameters, find: HealthEnv['match']): Match {
  const match = find(name)
  if (match === undefined) throw new ConfError(`match "${name}" is not found`)
  if ((match.kind === 'http') === (type === 'http')) return match
  throw new ConfError(`match "${name}" is not for health checks of type "${type}"`)
}

function createProbe(
  parameters: CheckParameters,
  upstream: string,
  match: Match | undefined,
): Probe {
  const { type, ssl, tls: conf, host = upstream } = parameters
  const tls = ssl ? new ProbeTls({ ...conf, name: conf.name ?? upstream }) : undefined
  switch (type) {
    case 'http':
      return new HttpProbe({ ...parameters, host, tls, rules: rulesOf(parameters, match) })
    case 'grpc': {
      const { grpcService: service, grpcStatus: status } = parameters
      return new GrpcProbe({ service, status, host, tls })
    }
    case 'tcp':
      return new TcpProbe(dialogueOf(parameters, match), tls)
    case 'udp':
      return new UdpProbe(dialogueOf(parameters, match))
    case 'mysql':
      return new MysqlProbe(parameters.sql, new ProbeTls({ ...conf, name: upstream }))
  }
}

/** A `match` block says all there is to be said; otherwise a status is wanted that is no error. */
function rulesOf(
  { rules, judgesStatus }: CheckParameters,
  match: Match | undefined,
): CheckParameters['rules'] {
  if (match?.kind === 'http') return [...match.rules, ...rules]
  return judgesStatus ? rules : [statusFine, ...rules]
}

function dialogueOf(
  { dialogue }: CheckParameters,
  match: Match | undefined,
): CheckParameters['dialogue'] {
  return match?.kind === 'stream' ? { ...match.dialogue, ...dialogue } : dialogue
}

/** Finds the group that a text with variables names: an upstream block, an address, or a host to look up. */
import { ConfError } from '../../conf/diagnostics.ts'
import type { Scope } from '../../core/scope.ts'
import type { NamedHost } from '../../upstream/addresses.ts'
import { Group } from '../../upstream/group.ts'
import { type Members, toGroupConfig } from '../../upstream/members.ts'
import type { UpstreamConfig } from '../../upstream/parse-upstream.ts'
import { streamCore } from '../modules/core.ts'
import type { Session } from '../session.ts'
import { implicitConfig } from '../../modules/upstreams/upstream-compiler.ts'

export interface ResolveOptions {
  readonly session: Session
  readonly scope: Scope
  readonly later: (group: Group) => void
}

export function resolveTarget(text: string, options: ResolveOptions): Group | undefined {
  const { session } = options
  const known = session.engine.part?.upstreams.find(text)
  if (known !== undefined) return known
  try {
    const config = implicitConfig(text)
    const { endpoint } = config.servers[0]!
    if (endpoint.family !== 'name') return temporaryGroup(config, new Map(), session)
    lookUp(config, endpoint, options)
  } catch (error) {
    if (!(error instanceof ConfError)) throw error
    session.log('error', error.message)
    session.finalize(500)
  }
  return undefined
}

/** Asks the block's resolver; the session goes on when the answer is there. */
function lookUp(config: UpstreamConfig, { host, port }: NamedHost, options: ResolveOptions): void {
  const { session, scope, later } = options
  const { resolver: servers, resolver_timeout: timeoutMs } = scope.conf(streamCore)
  if (servers === undefined) throw new ConfError(`no resolver defined to resolve ${host}`)
  const resolver = session.engine.resolvers.get(servers, timeoutMs)
  resolver.resolve(host).then(
    ({ addresses }) => {
      if (session.ended) return
      const members = addresses.map((found) => ({ address: { ...found, port } }))
      later(temporaryGroup(config, new Map([[config.servers[0]!, members]]), session))
    },
    (error: unknown) => {
      session.log('error', error instanceof Error ? error.message : String(error))
      session.finalize(502)
    },
  )
}

/** A group for one session, given up with it. */
function temporaryGroup(config: UpstreamConfig, members: Members, session: Session): Group {
  const group = new Group(toGroupConfig(config, members), {})
  session.atEnd(() => group.close())
  return group
}

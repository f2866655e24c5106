/**
 * `upstream` blocks of http as they stand in a part: read, checked and looked up, ready for what proxies
 * to them.
 */
import { ConfError } from '../conf/diagnostics.ts'
import type { Directive } from '../conf/tree.ts'
import { PersistentMap } from '../core/persistent-map.ts'
import type { Scope } from '../core/scope.ts'
import type { CompileSession } from '../core/compile-session.ts'
import type { VariableScope } from '../core/variable-scope.ts'
import { lookUpServers, serversToLookUp } from '../upstream/members.ts'
import { parseUpstream, type UpstreamConfig } from '../upstream/parse-upstream.ts'
import { httpCore } from './modules/core.ts'

export interface HttpUpstream {
  readonly node: Directive
  readonly config: UpstreamConfig
}

export type HttpUpstreams = PersistentMap<HttpUpstream>

export interface UpstreamInput {
  readonly session: CompileSession
  readonly variables: VariableScope
  /** The http block's. */
  readonly scope: Scope
}

export const noUpstreams: HttpUpstreams = PersistentMap.empty()

/** The groups with one more; a name that is there already is refused. */
export function withUpstream(
  groups: HttpUpstreams,
  node: Directive,
  { session, variables, scope }: UpstreamInput,
): HttpUpstreams {
  const key = nameOf(node)
  if (groups.has(key)) {
    session.fail(`duplicate upstream "${node.args[0]}"`, node)
    return groups
  }
  const { resolver, resolver_timeout: timeoutMs } = scope.conf(httpCore)
  const outer = { resolver, timeoutMs }
  const config = parseUpstream(node, { context: 'http.upstream', session, variables, outer })
  if (config === undefined) return groups
  checkNames(config, node, session)
  return groups.set(key, { node, config })
}

export function withoutUpstream(groups: HttpUpstreams, node: Directive): HttpUpstreams {
  const key = nameOf(node)
  return groups.get(key)?.node === node ? groups.delete(key) : groups
}

function nameOf(node: Directive): string {
  return node.args[0]?.toLowerCase() ?? ''
}

/** A host that nobody knows is refused with the configuration, as in nginx. */
function checkNames(config: UpstreamConfig, node: Directive, session: CompileSession): void {
  const unknown = serversToLookUp(config)
  if (unknown.length === 0) return
  session.onPrepare(async () => {
    try {
      await lookUpServers(unknown)
    } catch (error) {
      if (error instanceof ConfError) session.fail(error.message, node)
      throw error
    }
  })
}

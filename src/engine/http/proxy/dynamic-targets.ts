/**
 * Finds the group that a URL of variables leads to: an upstream block, an address, or a host to look up.
 *
 * A group is made for each address that is met and kept for the next request that means the same one, as
 * long as there are not too many of them.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import { implicitConfig } from '../../modules/upstreams/upstream-compiler.ts'
import { formatAddress } from '../../net/address.ts'
import { Group } from '../../upstream/group.ts'
import { type Member, type Members, toGroupConfig } from '../../upstream/members.ts'
import type { UpstreamConfig } from '../../upstream/parse-upstream.ts'
import { httpCore } from '../modules/core.ts'
import type { Request } from '../request.ts'
import type { ProxyUrl } from './target.ts'

/** Groups that are kept for their next use. */
const groupsMax = 512

export class DynamicTargets {
  readonly #groups = new Map<string, Group>()

  /** The group, at once or through `later`; a status where there is none. */
  find(
    request: Request,
    { target, defaultPort }: ProxyUrl,
    later: (found: Group | number) => void,
  ): Group | number | undefined {
    try {
      const config = implicitConfig(target, defaultPort === undefined ? {} : { defaultPort })
      const { endpoint } = config.servers[0]!
      if (endpoint.family !== 'name') return this.#group(config, formatAddress(endpoint), [])
      this.#lookUp(request, config, later)
      return undefined
    } catch (error) {
      if (!(error instanceof ConfError)) throw error
      request.logError(error.message)
      return error instanceof NoResolver ? 502 : 500
    }
  }

  close(): void {
    for (const group of this.#groups.values()) group.close()
    this.#groups.clear()
  }

  #lookUp(request: Request, config: UpstreamConfig, later: (found: Group | number) => void): void {
    const { endpoint } = config.servers[0]!
    if (endpoint.family !== 'name') return
    const { host, port } = endpoint
    const { resolver: servers, resolver_timeout: timeoutMs } = request.location.scope.conf(httpCore)
    if (servers === undefined) throw new NoResolver(host)
    const { generation } = request
    const { resolvers } = request.connection.engine
    resolvers
      .get(servers, timeoutMs)
      .resolve(host)
      .then(
        ({ addresses }) => {
          if (request.generation !== generation) return
          const members = addresses.map((found) => ({ address: { ...found, port } }))
          later(this.#group(config, config.name, members))
        },
        (error: unknown) => {
          if (request.generation !== generation) return
          request.logError(error instanceof Error ? error.message : String(error))
          later(502)
        },
      )
  }

  #group(config: UpstreamConfig, name: string, members: readonly Member[]): Group {
    const key = [name, ...members.map(({ address }) => formatAddress(address))].join(' ')
    const known = this.#groups.get(key)
    if (known !== undefined) return known
    if (this.#groups.size >= groupsMax) this.#dropOldest()
    const found: Members = new Map([[config.servers[0]!, members]])
    const group = new Group(toGroupConfig(config, found), {})
    this.#groups.set(key, group)
    return group
  }

  /** Requests under way hold their group themselves. */
  #dropOldest(): void {
    const [key, group] = this.#groups.entries().next().value!
    this.#groups.delete(key)
    group.close()
  }
}

/** nginx answers 502 here, and 500 to what is no host at all. */
class NoResolver extends ConfError {
  constructor(host: string) {
    super(`no resolver defined to resolve ${host}`)
  }
}

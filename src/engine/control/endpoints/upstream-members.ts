/**
 * `/api/v1/upstream_api/{http|stream}/upstreams/…`: members of upstream groups, and what is counted of them
 * (reference §1b).
 *
 * ```text
 *   GET  …/upstreams/                   groups with a zone            GET|PATCH|DELETE  …/servers/{id}
 *   GET  …/upstreams/{name}/            one of them
 *   DELETE …/upstreams/{name}/          counts from zero
 *   GET|POST …/upstreams/{name}/servers/
 * ```
 */
import { type ApiRequest, type Endpoint, json } from '../api.ts'
import type { DynamicState } from '../dynamic-state.ts'
import { memberOperations } from '../members/member-operations.ts'
import { faultResponse, MemberFault } from '../members/member-fault.ts'
import { readSettings } from '../members/member-request.ts'
import { childJson, memberJson, memberList, upstreamJson } from '../members/member-view.ts'
import { addition, change, type MemberEdits, type Place, removal } from '../members/member-edits.ts'
import { findUpstream, sharedUpstreams, type UpstreamView } from '../members/upstream-view.ts'
import { UpstreamZones } from '../metrics/peers.ts'
import { listParts, PiecewiseResponse } from '../piecewise-response.ts'
import type { ControlPlane } from '../plane.ts'
import { Refusal } from '../refusal.ts'
import type { SubsystemName } from '../server-index.ts'

export const upstreamMembers: Endpoint = {
  key: '/v1/upstream_api',
  operations: memberOperations,
  handle: async (request, plane) => {
    try {
      return await new MemberRequest(request, plane).answer()
    } catch (error) {
      if (error instanceof MemberFault) return faultResponse(error)
      throw error
    }
  },
}

class MemberRequest {
  readonly #request: ApiRequest
  readonly #plane: ControlPlane
  readonly #subsystem: SubsystemName
  readonly #steps: readonly string[]

  constructor(request: ApiRequest, plane: ControlPlane) {
    const [subsystem, collection, ...steps] = request.path
    const known = (subsystem === 'http' || subsystem === 'stream') && collection === 'upstreams'
    if (!known || steps.length > 3) throw new MemberFault('PathNotFound')
    this.#request = request
    this.#plane = plane
    this.#subsystem = subsystem
    this.#steps = steps.map(decode)
  }

  answer(): Response | Promise<Response> {
    const [name, collection, id] = this.#steps
    if (name === undefined) return this.#list()
    if (collection === undefined) return this.#group(name)
    if (collection !== 'servers') throw new MemberFault('PathNotFound')
    return id === undefined ? this.#servers(name) : this.#server(name, readId(id))
  }

  #list(): Response {
    this.#allow('GET')
    const zones = new UpstreamZones(this.#plane.peerZones)
    const all = sharedUpstreams(this.#plane.state(), this.#options)
    const fields = this.#fields
    return new PiecewiseResponse(
      listParts(all.map((each) => upstreamJson(each, zones.figuresOf(each), { fields }))),
    )
  }

  #group(name: string): Response {
    this.#allow('GET', 'DELETE')
    const upstream = this.#find(name)
    const zones = new UpstreamZones(this.#plane.peerZones)
    if (this.#request.method === 'DELETE') {
      for (const { state } of zones.find(upstream).peers) state.resetTotals()
      return new Response(null, { status: 204 })
    }
    return json(200, upstreamJson(upstream, zones.figuresOf(upstream), { fields: this.#fields }))
  }

  #servers(name: string): Response | Promise<Response> {
    this.#allow('GET', 'POST')
    if (this.#request.method === 'POST') return this.#add(name)
    return json(200, this.#memberList(this.#find(name)))
  }

  #server(name: string, id: number): Response | Promise<Response> {
    this.#allow('GET', 'PATCH', 'DELETE')
    const { method } = this.#request
    if (method === 'PATCH') return this.#patch(name, id)
    if (method === 'DELETE') return this.#remove(name, id)
    const upstream = this.#find(name)
    const member = upstream.members.find((each) => each.id === id)
    if (member !== undefined) return json(200, memberJson(member, this.#subsystem))
    const child = this.#peers(upstream).find((peer) => peer.id === id)
    if (child === undefined) throw new MemberFault('UpStreamServerNotFound')
    return json(200, childJson(child, this.#subsystem))
  }

  async #add(name: string): Promise<Response> {
    const settings = readSettings(this.#request.body, this.#subsystem)
    const member = await this.#change(name, (place) => addition(place, settings))
    return json(201, memberJson(member!, this.#subsystem))
  }

  async #patch(name: string, id: number): Promise<Response> {
    const settings = readSettings(this.#request.body, this.#subsystem)
    const member = await this.#change(name, (place) =>
      change(place, this.#member(place, id, 'UpstreamServer Immutable'), settings),
    )
    return json(200, memberJson(member!, this.#subsystem))
  }

  async #remove(name: string, id: number): Promise<Response> {
    await this.#change(name, (place) =>
      removal(place, this.#member(place, id, 'UpstreamServerImmutable')),
    )
    return json(
      200,
      this.#memberList(this.#find(name)).filter((each) => each['id'] !== id),
    )
  }

  /** A member of that number; addresses of a name go and change with it. */
  #member(
    { upstream }: Place,
    id: number,
    ofName: 'UpstreamServerImmutable' | 'UpstreamServer Immutable',
  ): UpstreamView['members'][number] {
    const member = upstream.members.find((each) => each.id === id)
    if (member !== undefined) return member
    const isChild = this.#peers(upstream).some((peer) => peer.id === id)
    throw new MemberFault(isChild ? ofName : 'UpStreamServerNotFound')
  }

  /** Makes a change of members. Resolves to the member that came of it, if one did. */
  async #change(
    name: string,
    toEdits: (place: Place) => MemberEdits,
  ): Promise<MemberEdits['member']> {
    const { action, actor, dryRun, timeoutMs } = this.#request
    let member: MemberEdits['member']
    const edits = (state: DynamicState): MemberEdits['edits'] => {
      const result = toEdits({ state, upstream: this.#find(name, state) })
      member = result.member
      return result.edits
    }
    try {
      const result = await this.#plane.change({ edits, action, actor, dryRun, timeoutMs })
      if (result.kind === 'timeout') throw new MemberFault('Timeout')
      if (result.kind === 'refused') {
        throw new MemberFault('UpstreamConfFormatError', result.reply.msg)
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      throw new MemberFault('UpstreamConfFormatError', error.message)
    }
    return member
  }

  #find(name: string, state: DynamicState = this.#plane.state()): UpstreamView {
    const upstream = findUpstream(state, name, this.#options)
    if (upstream === undefined) throw new MemberFault('UpstreamNotFound')
    if (upstream.zone === undefined) throw new MemberFault('UpstreamStatic')
    return upstream
  }

  #peers(upstream: UpstreamView): ReturnType<UpstreamZones['figuresOf']>['peers'] {
    return new UpstreamZones(this.#plane.peerZones).figuresOf(upstream).peers
  }

  #memberList(upstream: UpstreamView): ReturnType<typeof memberList> {
    return memberList(upstream, new UpstreamZones(this.#plane.peerZones).figuresOf(upstream))
  }

  /** `?fields=peers,zone`; none of them, where it is empty. */
  get #fields(): ReadonlySet<string> | undefined {
    const fields = this.#request.query.get('fields')
    return fields === null ? undefined : new Set(fields.split(',').map((name) => name.trim()))
  }

  get #options(): { subsystem: SubsystemName; prefix: string } {
    return { subsystem: this.#subsystem, prefix: this.#plane.prefix }
  }

  #allow(...methods: readonly string[]): void {
    if (!methods.includes(this.#request.method)) throw new MemberFault('MethodNotSupported')
  }
}

function readId(text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new MemberFault('UpStreamBadServerId')
  return Number(text)
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw new MemberFault('PathNotFound')
  }
}

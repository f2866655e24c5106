/**
 * Clients that go back to the server they were with: by a cookie of ours, by a name of the server that a
 * request carries, or by a session that a server's answer has shown.
 *
 * ```text
 *   request ─▶ choose ─▶ 'a3f…' ─▶ that peer, while it can be used ─▶ response ─▶ remember ─▶ Set-Cookie?
 *                    └─▶ ''     ─▶ the group's method ───────────────────────────┘
 * ```
 *
 * Peers are named by their `route`, or by a digest of their address, which says nothing to clients.
 */
import type { ComplexValue } from '../core/complex-value.ts'
import type { VariableHost } from '../core/variables.ts'
import type { Peer } from './peer.ts'
import type { ZoneMemory } from '../core/zone-memory.ts'
import { openStickySessions, type StickySessions } from './sticky-sessions.ts'

export interface StickyCookie {
  readonly kind: 'cookie'
  readonly name: string
  /** `$cookie_<name>`. */
  readonly value: ComplexValue
  /** Seconds; `Infinity` for the end of time, absent for the end of the browser's session. */
  readonly expiresSeconds: number | undefined
  readonly domain: ComplexValue | undefined
  readonly path: string | undefined
  readonly sameSite: ComplexValue | undefined
  readonly httpOnly: boolean
  readonly secure: boolean
}

export interface StickyRoute {
  readonly kind: 'route'
  /** The first that is not empty counts. */
  readonly values: readonly ComplexValue[]
}

export interface StickyLearn {
  readonly kind: 'learn'
  readonly create: readonly ComplexValue[]
  readonly lookup: readonly ComplexValue[]
  readonly zone: string
  readonly bytes: number
  readonly timeoutMs: number
  /** True: learned as soon as the head has come; otherwise when the response is complete. */
  readonly atHead: boolean
}

export type StickyConfig = StickyCookie | StickyRoute | StickyLearn

/** What a group asks and tells for each request. */
export interface Sticky {
  /** True when `remember` comes at the end of the response instead of after its head. */
  readonly atEnd: boolean
  /** Name of the peer that the client is bound to; empty when it is to none. */
  choose(host: VariableHost): string
  /** The peer has answered: gives the value of a `Set-Cookie` that tells the client, where there is one. */
  remember(host: VariableHost, peer: Peer): string | undefined
}

export interface StickyOptions {
  /** Where sessions are kept that were learned; without it, in this process. */
  readonly zones?: ZoneMemory | undefined
  readonly now: () => number
  /** Milliseconds of the calendar, for the end of cookies. */
  readonly wall?: () => number
}

export function createSticky(config: StickyConfig, options: StickyOptions): Sticky {
  if (config.kind === 'cookie') return new CookieSticky(config, options.wall ?? Date.now)
  if (config.kind === 'route') return new RouteSticky(config)
  return new LearnSticky(config, () => openStickySessions(config, options))
}

/** RFC 6265 §4.1.1; the last date that all clients understand, as nginx's `expires=max`. */
const farDate = 'Thu, 31-Dec-37 23:55:55 GMT'
/** Seconds until then are enough for any client: ten years. */
const farSeconds = 315_360_000

class CookieSticky implements Sticky {
  readonly atEnd = false
  readonly #config: StickyCookie
  readonly #wall: () => number

  constructor(config: StickyCookie, wall: () => number) {
    this.#config = config
    this.#wall = wall
  }

  choose(host: VariableHost): string {
    return this.#config.value.evaluate(host)
  }

  remember(host: VariableHost, peer: Peer): string | undefined {
    const { name, path, domain, sameSite, httpOnly, secure, value } = this.#config
    if (value.evaluate(host) === peer.stickyId) return undefined
    let cookie = `${name}=${peer.stickyId}${this.#expiry()}`
    const domainText = domain?.evaluate(host) ?? ''
    if (domainText !== '') cookie += `; domain=${domainText}`
    if (path !== undefined) cookie += `; path=${path}`
    if (httpOnly) cookie += '; httponly'
    if (secure) cookie += '; secure'
    const sameSiteText = sameSite?.evaluate(host) ?? ''
    return sameSiteText === '' ? cookie : `${cookie}; samesite=${sameSiteText}`
  }

  #expiry(): string {
    const { expiresSeconds } = this.#config
    if (expiresSeconds === undefined) return ''
    if (expiresSeconds === Infinity) return `; expires=${farDate}; max-age=${farSeconds}`
    const date = new Date(this.#wall() + expiresSeconds * 1000).toUTCString()
    return `; expires=${date}; max-age=${expiresSeconds}`
  }
}

class RouteSticky implements Sticky {
  readonly atEnd = false
  readonly #config: StickyRoute

  constructor(config: StickyRoute) {
    this.#config = config
  }

  choose(host: VariableHost): string {
    return firstOf(this.#config.values, host)
  }

  remember(): undefined {
    return undefined
  }
}

class LearnSticky implements Sticky {
  readonly atEnd: boolean
  readonly #config: StickyLearn
  readonly #open: () => StickySessions
  #opened: StickySessions | undefined = undefined

  /** Memory is opened by the first request: a configuration that is only tested takes none. */
  constructor(config: StickyLearn, open: () => StickySessions) {
    this.atEnd = !config.atHead
    this.#config = config
    this.#open = open
  }

  get #sessions(): StickySessions {
    return (this.#opened ??= this.#open())
  }

  choose(host: VariableHost): string {
    const session = firstOf(this.#config.lookup, host)
    return session === '' ? '' : this.#sessions.get(session)
  }

  remember(host: VariableHost, peer: Peer): undefined {
    const session = firstOf(this.#config.create, host)
    if (session !== '') this.#sessions.set(session, peer.stickyId)
    return undefined
  }
}

function firstOf(values: readonly ComplexValue[], host: VariableHost): string {
  for (const value of values) {
    const text = value.evaluate(host)
    if (text !== '') return text
  }
  return ''
}

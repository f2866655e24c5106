/**
 * What a request leaves behind at upstreams: which servers were tried, and what the last one answered.
 *
 * Variables read it until the request is logged. The object belongs to its request and is used again.
 */
import type { RequestHead } from './request-head.ts'
import { UpstreamHead } from './upstream-head.ts'

/** One try at one server. Times in milliseconds, -1 for what did not come to be. */
export interface UpstreamAttempt {
  /** Address of the server; name of the group where none was to be had. */
  peer: string
  /** The group it is of; empty where no server was to be had. */
  group: string
  status: number
  connectMs: number
  headerMs: number
  responseMs: number
  responseLength: number
  bytesSent: number
  bytesReceived: number
  /** True for the first try behind an internal redirect: nginx sets it off by a colon. */
  redirected: boolean
  /** What went wrong, where that is no status: a system's error code, or a word of `proxy_next_upstream`. */
  fault: string
  /** Words of the identifier of its span, and when that began; set where the location is traced. */
  span0: number
  span1: number
  begunAt: number
}

export class UpstreamTrail {
  readonly attempts: UpstreamAttempt[] = []
  /** How many of `attempts` are this request's. */
  count: number = 0
  readonly head: UpstreamHead = new UpstreamHead()
  /** True once a head has come whole. */
  hasHead: boolean = false
  /** Host and port of `proxy_pass`, for `$proxy_host` and `$proxy_port`. */
  proxyHost: string = ''
  proxyPort: string = ''
  /** `http://`; empty while no server was spoken to. */
  scheme: string = ''
  /** Target of the requests; `undefined` for the client's own. */
  target: string | undefined = undefined
  readonly trailerNames: string[] = []
  readonly trailerValues: string[] = []

  /** Forgets what the request before has left. */
  clear(): void {
    this.count = 0
    this.hasHead = false
    this.proxyHost = ''
    this.proxyPort = ''
    this.scheme = ''
    this.target = undefined
    this.clearTrailers()
  }

  /** Takes lines `name:value`. */
  setTrailers(lines: string): void {
    for (const line of lines.split('\n')) {
      const colon = line.indexOf(':')
      if (colon <= 0) continue
      this.trailerNames.push(line.slice(0, colon))
      this.trailerValues.push(line.slice(colon + 1).trim())
    }
  }

  clearTrailers(): void {
    if (this.trailerNames.length === 0) return
    this.trailerNames.length = 0
    this.trailerValues.length = 0
  }

  /** URL in error messages, `http://127.0.0.1:80/x`; empty while no server was spoken to. */
  urlFor(head: RequestHead): string {
    if (this.scheme === '' || this.count === 0) return ''
    return `${this.scheme}${this.last.peer}${this.target ?? head.text(head.pathStart, head.targetEnd)}`
  }

  /** The try in work. */
  get last(): UpstreamAttempt {
    return this.attempts[this.count - 1]!
  }

  /** Notes another try, of a server of a group or, where none was to be had, of the group as such. */
  begin(group: string, peer: string | undefined, redirected: boolean): UpstreamAttempt {
    const attempt = (this.attempts[this.count] ??= newAttempt())
    this.count += 1
    attempt.peer = peer ?? group
    attempt.group = peer === undefined ? '' : group
    attempt.status = 0
    attempt.connectMs = -1
    attempt.headerMs = -1
    attempt.responseMs = -1
    attempt.responseLength = 0
    attempt.bytesSent = 0
    attempt.bytesReceived = 0
    attempt.redirected = redirected
    return attempt
  }
}

function newAttempt(): UpstreamAttempt {
  return {
    peer: '',
    group: '',
    status: 0,
    connectMs: -1,
    headerMs: -1,
    responseMs: -1,
    responseLength: 0,
    bytesSent: 0,
    bytesReceived: 0,
    redirected: false,
    fault: '',
    span0: 0,
    span1: 0,
    begunAt: 0,
  }
}

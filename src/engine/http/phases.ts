/**
 * The way of one request through the phases of its server and its location.
 *
 * ```text
 *   server handlers ─▶ find location ─▶ rewrites ─▶ handlers (preaccess, access, precontent) ─▶ contents
 *          ▲                 ▲             │                                                        │
 *          │                 └─ relocate ──┘                                                        │
 *          └─────────────────────────── internal redirect ──────────────────────────────────────────┘
 * ```
 */
import { requestFilename } from './file-path.ts'
import { internalRedirectsMax } from './limits.ts'
import type { Location } from './location.ts'
import { checkLocation } from './location-check.ts'
import { outcomes } from './module.ts'
import { delayRequest } from './request-delay.ts'
import type { Request } from './request.ts'

const stages = { server: 0, rewrite: 1, main: 2 } as const

export class PhaseWalk {
  readonly #request: Request
  #stage: number = stages.server
  #step = 0
  /** Changes of the URI by rewriting, and internal redirects: they may not go on for ever. */
  #changes = 0
  /** With `satisfy any`: the status of the access handler that said no, while none has said yes. */
  #denied = 0

  constructor(request: Request) {
    this.#request = request
  }

  reset(): void {
    this.#stage = stages.server
    this.#step = 0
    this.#changes = 0
    this.#denied = 0
  }

  /** Goes on with what the last handler said, until one takes the request over or it ends. */
  run(first: number): void {
    const request = this.#request
    let outcome = first
    for (;;) {
      if (outcome === outcomes.done) return
      if (outcome === outcomes.relocate) outcome = this.#relocate()
      else if (outcome !== outcomes.next) outcome = this.#judge(outcome)
      if (outcome === outcomes.done) return
      if (outcome !== outcomes.next) {
        request.finalize(outcome)
        return
      }
      outcome = this.#nextStep()
    }
  }

  /** The next handler of the server or location; behind them all, content, and 404 where there is none. */
  #nextStep(): number {
    const request = this.#request
    const step = this.#step++
    if (this.#stage === stages.server) {
      const { handlers } = request.server
      return step < handlers.length ? handlers[step]!(request) : this.#enterLocation()
    }
    if (this.#stage === stages.rewrite) {
      const { rewrites } = request.location
      if (step < rewrites.length) return rewrites[step]!(request)
      this.#stage = stages.main
      this.#step = 0
      return outcomes.next
    }
    return this.#mainStep(step)
  }

  #mainStep(step: number): number {
    const request = this.#request
    const { location } = request
    const { handlers, contents, accessFrom, accessTo } = location
    // Access to a subrequest was granted with the request that it belongs to.
    if (step === accessFrom && request.parent !== undefined && accessTo > accessFrom) {
      this.#step = accessTo
      return outcomes.next
    }
    if (this.#denied !== 0 && step === accessTo) return this.#refuseAccess()
    if (step < handlers.length) return handlers[step]!(request)
    const index = step - handlers.length
    return index < contents.length ? contents[index]!(request) : this.#noContent()
  }

  /** What an access handler's yes or no comes to; any other status stands. */
  #judge(outcome: number): number {
    const { location } = this.#request
    const index = this.#step - 1
    const access =
      this.#stage === stages.main && index >= location.accessFrom && index < location.accessTo
    if (access && location.core.satisfy === 'any') {
      if (outcome === outcomes.allowed) {
        this.#request.response.challenge = undefined
        this.#denied = 0
        this.#step = location.accessTo
        return outcomes.next
      }
      if (outcome === 401 || outcome === 403) {
        if (this.#denied !== 401) this.#denied = outcome
        return outcomes.next
      }
    }
    if (access && outcome === 401) return this.#unauthorized()
    return outcome === outcomes.allowed ? outcomes.next : outcome
  }

  #refuseAccess(): number {
    const status = this.#denied
    this.#denied = 0
    if (status === 401) return this.#unauthorized()
    this.#request.logError('access forbidden by rule')
    return status
  }

  /** Who guesses passwords has to wait for each. */
  #unauthorized(): number {
    const request = this.#request
    const { auth_delay: ms } = request.location.core
    if (ms === 0) return 401
    request.logError('delaying unauthorized request', 'info')
    delayRequest(request, ms, refuse)
    return outcomes.done
  }

  #noContent(): number {
    const request = this.#request
    if (!request.uri.endsWith('/')) return 404
    request.logError(`directory index of "${requestFilename(request)}" is forbidden`)
    return 403
  }

  /** True when the URI has changed too often: nothing but the plain page can be sent. */
  get exhausted(): boolean {
    return this.#changes > internalRedirectsMax
  }

  #relocate(): number {
    return this.#tooMany('processing', this.#request.uri) ? 500 : this.#enterLocation()
  }

  /** Counts a change of the URI; true, and a line in the log, where there were too many. */
  #tooMany(what: string, where: string): boolean {
    this.#changes += 1
    if (!this.exhausted) return false
    this.#request.logError(`rewrite or internal redirection cycle while ${what} "${where}"`)
    return true
  }

  #enterLocation(): number {
    const request = this.#request
    const { locations, fallback } = request.server
    const conditional = locations.findConditional(request.uri, request)
    if (conditional !== undefined) {
      this.#open(conditional)
      return checkLocation(request)
    }
    if (locations.sendsToFolder(request.uri)) {
      request.response.location = `${request.escapedUri()}/${request.args === '' ? '' : `?${request.args}`}`
      return 301
    }
    this.#open(locations.findByPath(request.uri, request) ?? fallback)
    return checkLocation(request)
  }

  #open(location: Location): void {
    const request = this.#request
    const { limited } = location
    const limits = limited !== undefined && !limited.methods.has(request.methodName)
    request.location = limits ? limited.location : location
    this.#stage = stages.rewrite
    this.#step = 0
    this.#denied = 0
  }

  /** Begins again with the URI that was set, as `index`, `error_page` and the like do. */
  redirect(): number {
    this.#stage = stages.server
    this.#step = 0
    return this.#tooMany('internally redirecting to', this.#request.uri) ? 500 : outcomes.next
  }

  /** Goes to a named location; 500 where there is none. */
  redirectToNamed(name: string): number {
    if (this.#tooMany('redirect to named location', name)) return 500
    const request = this.#request
    const location = request.server.locations.named(name)
    if (location === undefined) {
      request.logError(`could not find named location "${name}"`)
      return 500
    }
    this.#open(location)
    return outcomes.next
  }
}

function refuse(request: Request): void {
  request.finalize(401)
}

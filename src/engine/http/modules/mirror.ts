/** `mirror`: copies of requests for another place, whose answers nobody sees. */
import type { ValueType } from '../../core/module.ts'
import { flag } from '../../modules/value-types.ts'
import { startBackgroundRequest } from '../background-request.ts'
import { concat } from '../../modules/value-types.ts'
import { defineHttpModule, type HttpModule, outcomes } from '../module.ts'
import type { Request } from '../request.ts'
import { readWhole } from '../stored-body.ts'
import { bodyStorageOf } from './request-body.ts'

export interface HttpMirrorConf {
  /** Paths; `undefined` for `off`. */
  readonly mirror: readonly (string | undefined)[]
  readonly mirror_request_body: boolean
}

const contexts = ['http', 'http.server', 'http.location'] as const

const target: ValueType<readonly (string | undefined)[]> = {
  describe: 'uri | off',
  parse: ([uri = '']) => [uri === 'off' ? undefined : uri],
}

export const httpMirror: HttpModule<HttpMirrorConf> = defineHttpModule<HttpMirrorConf>({
  id: 'http.mirror',
  directives: {
    mirror: {
      contexts,
      args: [1, 1],
      syntax: 'mirror uri | off',
      value: target,
      default: [],
      merge: concat,
      doc: 'Makes a copy of each request for another path.',
    },
    mirror_request_body: {
      contexts,
      args: [1, 1],
      syntax: 'mirror_request_body on | off',
      value: flag,
      default: true,
      doc: 'Whether copies have the body, which is read whole then before the request goes on.',
    },
  },
  idle: true,
  hooks: {
    precontent: ({ mirror, mirror_request_body: withBody }) => {
      const uris = mirror.filter((uri) => uri !== undefined)
      if (uris.length === 0) return undefined
      return (request) => {
        if (request.parent !== undefined) return outcomes.next
        return withBody ? mirrorWithBody(request, uris) : copyTo(request, uris, false)
      }
    },
  },
})

function copyTo(request: Request, uris: readonly string[], withBody: boolean): number {
  const { args } = request
  for (const uri of uris) startBackgroundRequest(request, { uri, args, withBody })
  return outcomes.next
}

function mirrorWithBody(request: Request, uris: readonly string[]): number {
  let waits = false
  let outcome: number = outcomes.done
  readWhole(request, bodyStorageOf(request.location), (status) => {
    outcome = status === 0 ? copyTo(request, uris, true) : status
    if (waits) request.resume(outcome)
  })
  waits = true
  return outcome
}

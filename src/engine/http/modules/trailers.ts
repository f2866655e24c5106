/** `add_trailer`: fields behind the bodies of responses (RFC 9110 §6.5). */
import { concat } from '../../modules/value-types.ts'
import type { BodyFilter } from '../body-filter.ts'
import { defineHttpModule, type HttpModule } from '../module.ts'
import type { Request } from '../request.ts'
import { type AddedField, addedField, isUsual } from './headers.ts'

export interface HttpTrailersConf {
  readonly add_trailer: readonly AddedField[]
}

export const httpTrailers: HttpModule<HttpTrailersConf> = defineHttpModule<HttpTrailersConf>({
  id: 'http.trailers',
  directives: {
    add_trailer: {
      contexts: ['http', 'http.server', 'http.location', 'http.location.if'],
      args: [2, 3],
      syntax: 'add_trailer name value [always]',
      secret: 'field',
      value: addedField,
      default: [],
      merge: concat,
      doc: 'Adds a field behind the body of responses.',
    },
  },
  idle: true,
  hooks: {
    headerFilter: ({ add_trailer: fields }) =>
      fields.length === 0 ? undefined : (request) => announce(request, fields),
  },
})

/** The length is not told then: trailers stand behind chunks (RFC 9112 §7.1.2). */
function announce(request: Request, fields: readonly AddedField[]): void {
  const { response, head } = request
  const usual = isUsual(response.status)
  const wanted = usual ? fields : fields.filter(({ always }) => always)
  if (wanted.length === 0 || response.headOnly || head.minor === 0) return
  if (request.parent !== undefined) return
  response.contentLength = -1
  request.filterBody(new Trailers(request, wanted))
}

/** Values are those at the end of the body. */
class Trailers implements BodyFilter {
  readonly #request: Request
  readonly #fields: readonly AddedField[]

  constructor(request: Request, fields: readonly AddedField[]) {
    this.#request = request
    this.#fields = fields
  }

  write(bytes: Buffer, from: number, to: number): boolean {
    return this.#request.passBody(this, bytes, from, to)
  }

  end(): void {
    const request = this.#request
    for (const { name, value } of this.#fields) {
      const text = value.evaluate(request)
      if (text !== '') request.response.addTrailer(name, text)
    }
    request.passEnd(this)
  }
}

/** `empty_gif`: one transparent pixel. */
import { present } from '../../modules/value-types.ts'
import { methods } from '../methods.ts'
import { defineHttpModule, type HttpModule, outcomes } from '../module.ts'
import type { Request } from '../request.ts'

export interface HttpEmptyGifConf {
  readonly empty_gif: boolean
}

/** GIF89a, 1×1, the one colour transparent. */
const pixel = Buffer.from(
  '47494638396101000100800100000000ffffff21f90401000001002c00000000010001000002024c01003b',
  'hex',
)

/** It never changes, so that clients may ask whether it has. */
const lastModifiedMs = 23_349_600_000

export const httpEmptyGif: HttpModule<HttpEmptyGifConf> = defineHttpModule<HttpEmptyGifConf>({
  id: 'http.empty_gif',
  directives: {
    empty_gif: {
      contexts: ['http.location'],
      args: [0, 0],
      syntax: 'empty_gif',
      value: present,
      default: false,
      inherited: false,
      doc: 'Answers with an image of one transparent pixel.',
    },
  },
  idle: true,
  hooks: { content: ({ empty_gif: wanted }) => (wanted ? answer : undefined) },
})

function answer(request: Request): number {
  if (request.method !== methods.get && request.method !== methods.head) return 405
  const { response } = request
  response.status = 200
  response.contentType = 'image/gif'
  response.lastModified = lastModifiedMs
  request.respond(pixel)
  return outcomes.done
}

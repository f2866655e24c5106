/** `handler file`: a web-standard fetch function serves the location. */
import { fetchHandler } from '../fetch-handler.ts'
import { loadHandler } from '../handler-registry.ts'
import { defineHttpModule, type HttpModule } from '../module.ts'
import { text } from '../../modules/value-types.ts'

export interface HttpHandlerConf {
  readonly handler: string | undefined
}

export const httpHandler: HttpModule<HttpHandlerConf> = defineHttpModule<HttpHandlerConf>({
  id: 'http.handler',
  idle: true,
  directives: {
    handler: {
      contexts: ['http.location'],
      args: [1, 1],
      syntax: 'handler file | package',
      value: text,
      default: undefined,
      inherited: false,
      doc: 'Serves the location by a fetch function: the default export or "fetch" of a module.',
    },
  },
  hooks: {
    content: ({ handler: file }, { session, scope }) => {
      if (file === undefined) return undefined
      const loaded = loadHandler(file, scope.own('handler').at(-1)!, session)
      return fetchHandler((request, context) => loaded.current!(request, context))
    },
  },
})

/**
 * A module: a directive of the stream engine that greets whoever connects, and closes.
 *
 *   load_module examples/modules/hello.ts;
 *   stream { server { listen 9002; hello "dear $remote_addr"; } }
 */
import type { ComplexValue } from '../../src/engine/core/complex-value.ts'
import { complexValue } from '../../src/engine/modules/value-types.ts'
import { defineStreamModule, type StreamModule } from '../../src/engine/stream/module.ts'

interface HelloConf {
  readonly hello: ComplexValue | undefined
}

export const module: StreamModule<HelloConf> = defineStreamModule<HelloConf>({
  id: 'stream.hello',
  directives: {
    hello: {
      contexts: ['stream.server'],
      args: [1, 1],
      syntax: 'hello name',
      value: complexValue,
      default: undefined,
      inherited: false,
      doc: 'Greets the client by that name and closes the connection.',
    },
  },
  hooks: {
    content: {
      directive: 'hello',
      handler: ({ hello }) =>
        hello &&
        ((session) => {
          session.client.write(Buffer.from(`hello ${hello.evaluate(session)}\n`))
          session.finalize(200)
        }),
    },
  },
})

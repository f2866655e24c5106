/** `split_clients_2`: a variable that splits requests into shares by chance, for blue and green. */
import type { Directive } from '../../conf/tree.ts'
import type { VariableBlockEnv } from '../../modules/captures.ts'
import { parseShares, wholeShare } from '../../modules/split-clients.ts'
import { defineHttpModule, type HttpModule, type NoConf } from '../module.ts'
import type { Request } from '../request.ts'

export const httpSplitClients2: HttpModule<NoConf> = defineHttpModule<NoConf>({
  id: 'http.split_clients_2',
  blocks: {
    split_clients_2: {
      contexts: ['http'],
      args: [1, 1],
      syntax: 'split_clients_2 $variable { ... }',
      opens: 'free',
      repeated: true,
      doc: 'Creates a variable that splits requests into shares by chance; a request keeps its value.',
    },
  },
  directives: {},
  variableBlocks: { split_clients_2: define },
})

function define(node: Directive, { session, variables }: VariableBlockEnv): void {
  session.attempt(node, () => {
    const shares = parseShares(node, true)
    variables.define(node.args[0]!, {
      get: (host) => {
        const { services } = (host as Request).connection.engine
        const drawn = services.chance() * wholeShare
        return shares.find(({ upTo }) => drawn < upTo)?.value
      },
      changeable: true,
    })
  })
}

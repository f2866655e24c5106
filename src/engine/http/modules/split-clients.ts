/** `split_clients`: a variable that splits clients into shares. */
import { defineSplitClients, splitClientsBlockRow } from '../../modules/split-clients.ts'
import { defineHttpModule, type NoConf, type HttpModule } from '../module.ts'

export const httpSplitClients: HttpModule<NoConf> = defineHttpModule<NoConf>({
  id: 'http.split_clients',
  blocks: { split_clients: splitClientsBlockRow('http') },
  directives: {},
  variableBlocks: { split_clients: defineSplitClients },
})

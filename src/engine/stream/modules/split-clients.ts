/** `split_clients`: a variable that splits clients into shares. */
import { defineSplitClients, splitClientsBlockRow } from '../../modules/split-clients.ts'
import { defineStreamModule, type NoConf, type StreamModule } from '../module.ts'

export const streamSplitClients: StreamModule<NoConf> = defineStreamModule<NoConf>({
  id: 'stream.split_clients',
  blocks: { split_clients: splitClientsBlockRow('stream') },
  directives: {},
  variableBlocks: { split_clients: defineSplitClients },
})

/** `/api/v1/config/http_vts`: which locations are counted, and by what (Annex B `helper_vts`). */
import { findDirective } from '../../conf/block.ts'
import { ConfError } from '../../conf/diagnostics.ts'
import { joinWords, splitWords } from '../../conf/words.ts'
import type { Declaration } from '../declaration.ts'
import { type Extra, locationDeclaration } from './located-declaration.ts'
import { fail, flagField, settingEdits, single } from './settings.ts'
import { Surroundings } from './surroundings.ts'

const byKey = 'vhost_traffic_status_filter_by_set_key'

/** One filter for all servers: the interface has no place for more. */
const filter: Extra = {
  name: byKey,
  schema: { type: 'string', examples: ['$uri $server_name'] },
  read: ({ tree }) => {
    const http = findDirective(tree.block, 'http')
    const [node] = http === undefined ? [] : new Surroundings(http).own(byKey)
    return joinWords(node?.args ?? [])
  },
  items: (value) => [
    {
      path: byKey,
      edits: () => settingEdits([['http']], [single(byKey, ...filterWords(String(value)))]),
    },
  ],
}

export const httpTraffic: Declaration = locationDeclaration({
  key: 'http_vts',
  fields: { vhost_traffic_status: { type: 'boolean' } },
  read: (at) => ({ vhost_traffic_status: at.flag('vhost_traffic_status', true) }),
  write: (fields) => [single('vhost_traffic_status', flagField(fields, 'vhost_traffic_status'))],
  extras: [filter],
})

/** The key and what it is listed under; an empty text takes the filter away. */
function filterWords(text: string): readonly string[] {
  if (text.trim() === '') return []
  try {
    const words = splitWords(text)
    if (words.length === 2) return words
  } catch (error) {
    if (!(error instanceof ConfError)) throw error
  }
  fail(' should have two parameters: a key and its group')
}

/** `/api/v1/config/stream_dyn_sts`: which stream servers are counted, and by what (Annex B `helper_stream_dyn_sts`). */
import { ConfError } from '../../conf/diagnostics.ts'
import { joinWords, splitWords } from '../../conf/words.ts'
import type { Declaration } from '../declaration.ts'
import { serverDeclaration } from './located-declaration.ts'
import { fail, flagField, type Setting, single } from './settings.ts'

const byKey = 'server_traffic_status_filter_by_set_key'

export const streamTraffic: Declaration = serverDeclaration({
  key: 'stream_dyn_sts',
  subsystem: 'stream',
  fields: {
    server_traffic_status: { type: 'boolean' },
    [byKey]: {
      type: 'array',
      items: { type: 'string', description: 'A key, and what it is listed under.' },
      examples: [['$remote_addr clients']],
    },
  },
  read: (at) => ({
    server_traffic_status: at.flag('server_traffic_status', true),
    [byKey]: at.inForce(byKey).map(({ args }) => joinWords(args)),
  }),
  write: (fields) => {
    const settings: Setting[] = []
    const status = flagField(fields, 'server_traffic_status')
    if (status !== undefined) settings.push(single('server_traffic_status', status))
    const keys = fields[byKey] as readonly string[] | undefined
    if (keys !== undefined) {
      settings.push({ target: byKey, directives: keys.map((key) => [byKey, ...keyWords(key)]) })
    }
    return settings
  },
})

/** A filter's key and the group that it is listed under. */
export function keyWords(text: string): readonly string[] {
  try {
    const words = splitWords(text)
    if (words.length === 1 || words.length === 2) return words
  } catch (error) {
    if (!(error instanceof ConfError)) throw error
  }
  fail(`"${text}" is no key with a group`)
}

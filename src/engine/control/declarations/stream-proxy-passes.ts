/** `/api/v1/config/stream_proxy_pass` (reference §1b, Annex B `helper_dyn_stream_pass`). */
import type { Declaration } from '../declaration.ts'
import { serverDeclaration } from './located-declaration.ts'
import { fail, single, textField } from './settings.ts'

export const streamProxyPasses: Declaration = serverDeclaration({
  key: 'stream_proxy_pass',
  subsystem: 'stream',
  fields: { proxy_pass: { type: 'string', examples: ['127.0.0.1:5555'] } },
  read: (at) => ({ proxy_pass: at.own('proxy_pass')[0]?.args[0] ?? '' }),
  write: (fields, at) => {
    if (at.own('proxy_pass').length === 0) fail('has no proxy_pass')
    const target = textField(fields, 'proxy_pass')?.trim()
    if (target === undefined || target === '') fail('proxy_pass is empty')
    return [single('proxy_pass', target)]
  },
})

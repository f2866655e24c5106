/** `/api/v1/config/proxy_pass`: other targets for locations that have one (Annex B `helper_dyn_pass`). */
import { locationDeclaration } from './located-declaration.ts'
import type { Declaration } from '../declaration.ts'
import { fail, single, textField } from './settings.ts'

export const httpProxyPasses: Declaration = locationDeclaration({
  key: 'proxy_pass',
  fields: { proxy_pass: { type: 'string', examples: ['http://backend'] } },
  read: (at) => {
    const [node] = at.own('proxy_pass')
    return node && { proxy_pass: node.args[0] ?? '' }
  },
  write: (fields, at) => {
    if (at.own('proxy_pass').length === 0) fail(' has no proxy_pass')
    const target = textField(fields, 'proxy_pass')?.trim()
    if (target === undefined || target === '') fail(' proxy_pass is empty')
    return [single('proxy_pass', target)]
  },
})

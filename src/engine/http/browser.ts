/**
 * What nginx makes of `User-Agent` where old browsers need to be treated in a way of their own
 * (`keepalive_disable`, `msie_padding`, `msie_refresh`, `gzip_disable "msie6"`).
 */

import { nameId } from './header-names.ts'
import type { Request } from './request.ts'

const agentId = nameId('user-agent')

/** What a client calls itself; empty where it says nothing. */
export function agentOf({ head }: Request): string {
  return head.value(agentId) ?? ''
}

/** Internet Explorer before 6 SP2 says so by its version and the absence of "SV1". */
const oldExplorer = /MSIE (?:[45]\.|6\.(?!.*SV1))/

/** Internet Explorer up to 10; Opera once called itself that. */
export function isExplorer(agent: string): boolean {
  return /MSIE .../.test(agent) && !agent.includes('Opera')
}

/** Internet Explorer up to 6. */
export function isOldExplorer(agent: string): boolean {
  return isExplorer(agent) && oldExplorer.test(agent)
}

/** Browsers that put a page of their own in the place of a short one. */
export function replacesShortPages(agent: string): boolean {
  if (isExplorer(agent)) return true
  return !agent.includes('Opera') && !agent.includes('Gecko/') && agent.includes('Chrome/')
}

/** Safari on a Mac. */
export function isSafari(agent: string): boolean {
  return (
    agent.includes('Safari/') &&
    agent.includes('Mac OS X') &&
    !/Opera|Gecko\/|Chrome\//.test(agent) &&
    !isExplorer(agent)
  )
}

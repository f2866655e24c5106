/** How control joins the bus: the file of `dyn_sendmsg_conf`, which may be missing or empty. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type ClientConf, parseClientConf } from '../../bus/client-conf.ts'
import type { CopilotContext } from '../../process/copilot.ts'

export function readBusConf(
  path: string | undefined,
  { prefix, clusterName, nodeName, log }: CopilotContext,
): ClientConf {
  const names = { cluster: clusterName, node: nodeName, pid: process.pid }
  if (path === undefined || path === 'off') {
    return parseClientConf('', { file: '', prefix, names })
  }
  const file = resolve(prefix, path)
  return parseClientConf(readText(file, log), { file, prefix, names })
}

function readText(file: string, log: CopilotContext['log']): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    log.write('warn', `"${file}" does not exist: the bus is joined with its defaults`)
    return ''
  }
}

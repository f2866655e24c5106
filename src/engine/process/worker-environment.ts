/** The environment of a worker: as nginx, nothing but what the configuration keeps or sets, and the time zone. */
import type { Settings } from './settings.ts'

/** Node's own switches, and those of this program, are about the process and not about what it serves. */
const kept = /^(?:TZ$|NODE_|TRIJET_)/

export function workerEnvironment({ env }: Pick<Settings, 'env'>): NodeJS.ProcessEnv {
  const result: NodeJS.ProcessEnv = {}
  for (const [name, value] of Object.entries(process.env)) if (kept.test(name)) result[name] = value
  for (const { name, value = process.env[name] } of env) {
    if (value !== undefined) result[name] = value
  }
  return result
}

/** The environment of a copilot: the master's own, with what the configuration sets. */
export function copilotEnvironment({ env }: Pick<Settings, 'env'>): NodeJS.ProcessEnv {
  const set = env.filter(({ value }) => value !== undefined)
  return { ...process.env, ...Object.fromEntries(set.map(({ name, value }) => [name, value])) }
}

/**
 * The broker's own log: mosquitto's choice of types in this engine's line format.
 */
import { ErrorLog, type Level, type Log, type LogFiles } from '../../core/log.ts'
import type { BrokerConf, LogType } from './conf.ts'

const typeOfLevel = {
  emerg: 'error',
  alert: 'error',
  crit: 'error',
  error: 'error',
  warn: 'warning',
  notice: 'notice',
  info: 'information',
  debug: 'debug',
} as const satisfies Record<Level, LogType>

export function createBrokerLog(conf: BrokerConf, files: LogFiles): Log {
  const rules = conf.logTargets.map((target) => ({ target, level: 'debug' as const }))
  for (const target of conf.logTargets) if (target.kind === 'file') files.open(target.path)
  const all = new ErrorLog(files, rules)
  const takes = (level: Level): boolean => conf.logTypes.has(typeOfLevel[level])
  return {
    takes,
    write(level, message, connection) {
      if (takes(level)) all.write(level, message, connection)
    },
  }
}

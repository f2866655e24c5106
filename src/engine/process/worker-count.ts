/**
 * The number of workers that was set live: a key value, so that it outlives the engine.
 *
 * What was set goes before `worker_processes` of the files until the key is deleted (reference §4).
 */
import { existsSync } from 'node:fs'
import { workerCountKey, parseWorkerCount } from '../control/worker-count.ts'
import { isUnwritable } from '../store/store.ts'
import { keyValuesAlone, keyValuesPath, StoreKeyValues } from './key-values.ts'

/** What is stored for the engine of a prefix; `undefined` where that is nothing, or nothing usable. */
export async function storedWorkerCount(prefix: string): Promise<number | undefined> {
  if (!existsSync(keyValuesPath(prefix))) return undefined
  const values = new StoreKeyValues(prefix)
  try {
    return parseWorkerCount((await values.get(workerCountKey)) ?? '')
  } catch (error) {
    if (!isUnwritable(error)) throw error
    return parseWorkerCount(keyValuesAlone(prefix).get(workerCountKey) ?? '')
  } finally {
    await values.close()
  }
}

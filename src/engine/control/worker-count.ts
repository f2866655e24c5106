/** `__master_worker_count`: the key value that says how many workers there are (reference §1, row 40). */
import { workersMax } from './limits.ts'

export const workerCountKey = '__master_worker_count'

/** `undefined` for what is no number of workers. */
export function parseWorkerCount(text: string): number | undefined {
  const count = /^[1-9]\d{0,3}$/.test(text) ? Number(text) : 0
  return count >= 1 && count <= workersMax ? count : undefined
}

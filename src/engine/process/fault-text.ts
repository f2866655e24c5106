import { StoreError } from '../store/store.ts'

/** What is said of a fault that ends a process: where it lies in the program, unless it is none of the program's. */
export function faultText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error instanceof StoreError ? error.message : (error.stack ?? error.message)
}

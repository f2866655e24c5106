/** What the master itself does for changes, made of several. */
import type { OwnPart } from './transactions.ts'

/** Several parts as one: what one of them refuses is undone in all. */
export function together(parts: readonly OwnPart[]): OwnPart {
  const each = async (step: (part: OwnPart) => Promise<void>): Promise<void> => {
    for (const part of parts) await step(part)
  }
  const abort = (): Promise<void> => each((part) => part.abort())
  return {
    prepare: async (change, dryRun) => {
      try {
        await each((part) => part.prepare(change, dryRun))
      } catch (error) {
        await abort()
        throw error
      }
    },
    commit: () => each((part) => part.commit()),
    abort,
  }
}

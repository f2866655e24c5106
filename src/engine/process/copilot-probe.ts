/** A process that imports a copilot's file, says which version of the contract it keeps to, and ends. */
import type { Copilot } from './copilot.ts'
import type { ProbeResult } from './helper-check.ts'

const [href = ''] = process.argv.slice(2)

function say(result: ProbeResult): void {
  process.send!(result, undefined, {}, () => process.exit())
}

try {
  const { copilot } = (await import(href)) as { readonly copilot?: Copilot }
  if (copilot === undefined) say({ kind: 'failed', reason: `${href} has no export "copilot"` })
  else {
    const { version, ignoreReload = false } = copilot
    say({ kind: 'found', version, ignoreReload })
  }
} catch (error) {
  say({ kind: 'failed', reason: (error as Error).message })
}

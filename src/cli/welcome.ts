/** What a newcomer who started the engine in the foreground is told: that it runs, and where to look. */
import type { Place } from '../engine/process/place.ts'
import { product } from '../engine/process/product.ts'

/** `listening` are lines such as `worker tcp 127.0.0.1:8080`. */
export function welcome(listening: readonly string[], { entry }: Place): void {
  const lines = listening.map((text) => `  ${text}`).toSorted()
  console.log(`${product.name}/${product.version} runs on ${entry}`)
  if (lines.length > 0) console.log(lines.join('\n'))
}

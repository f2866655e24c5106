/** What a newcomer who started the engine in the foreground is told: that it runs, and where to look. */
import type { Place } from '../engine/process/place.ts'
import { product } from '../engine/process/product.ts'

/** `worker tcp 127.0.0.1:8080`, as each address is opened; copilots come a little later than workers. */
export function onListening(text: string): void {
  console.log(`  listening: ${text}`)
}

export function onServing({ entry }: Place): void {
  console.log(
    `${product.name}/${product.version} serves ${entry}; what is where stands in that file`,
  )
}

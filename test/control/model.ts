/**
 * What a client knows of the state it changes: of each thing the values that it may have.
 *
 * ```text
 *   change sent ──▶ acknowledged     it has the new value
 *             ├───▶ refused          it has the old value
 *             └───▶ no answer        it has one of the two, wholly: found out by looking
 * ```
 */
import assert from 'node:assert/strict'

export class Model<Value> {
  readonly #possible = new Map<string, readonly Value[]>()

  /** The one value of a thing; fails while that is open. */
  value(name: string): Value | undefined {
    const values = this.#possible.get(name) ?? []
    assert.ok(values.length < 2, `the value of ${name} is known`)
    return values[0]
  }

  isCertain(name: string): boolean {
    return this.#possible.get(name)?.length === 1
  }

  /** True while it is known of everything what it is. */
  get certain(): boolean {
    return [...this.#possible.values()].every((values) => values.length === 1)
  }

  get names(): readonly string[] {
    return [...this.#possible.keys()]
  }

  set(name: string, value: Value): void {
    this.#possible.set(name, [value])
  }

  /** The change was sent and nothing is known of it. */
  leaveOpen(name: string, value: Value): void {
    this.#possible.set(name, [...(this.#possible.get(name) ?? []), value])
  }

  /** What was found must be one of the values that may be; it is the value from then on. */
  settle(name: string, found: Value): void {
    const values = this.#possible.get(name) ?? []
    const text = `${name} is ${String(found)}, not one of ${values.map(String).join(' or ')}`
    assert.ok(values.includes(found), text)
    this.set(name, found)
  }
}

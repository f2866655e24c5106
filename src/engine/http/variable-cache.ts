/** Values of variables as one request has read them, by slot; emptied by counting on, not by clearing. */
import type { VariableValue } from '../core/variables.ts'
import { variableDepthMax } from './limits.ts'
import type { Request } from './request.ts'

const slotsInitial = 128

export class VariableCache {
  #values: VariableValue[] = Array.from({ length: slotsInitial })
  /** A value holds when its stamp is the present one. */
  #stamps = new Int32Array(slotsInitial)
  #stamp = 1
  #depth = 0

  clear(): void {
    this.#stamp += 1
    this.#depth = 0
  }

  /** Takes over what another has read. */
  copyFrom(other: VariableCache): void {
    this.#values = [...other.#values]
    this.#stamps = other.#stamps.slice()
    this.#stamp = other.#stamp
  }

  read(request: Request, slot: number): VariableValue {
    if (this.#stamps[slot] === this.#stamp) return this.#values[slot]
    const { variables } = request
    const definition = variables.at(slot)
    if (definition === undefined || this.#depth >= variableDepthMax) return undefined
    this.#depth += 1
    const value = definition.get(request, variables.names.name(slot))
    this.#depth -= 1
    if (!definition.volatile) this.store(slot, value)
    return value
  }

  store(slot: number, value: VariableValue): void {
    if (slot >= this.#stamps.length) this.#grow(slot)
    this.#values[slot] = value
    this.#stamps[slot] = this.#stamp
  }

  #grow(slot: number): void {
    const stamps = new Int32Array(Math.max(slot + 1, this.#stamps.length * 2))
    stamps.set(this.#stamps)
    this.#stamps = stamps
  }
}

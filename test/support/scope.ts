/**
 * What a test started ends with the test, last started first.
 *
 * Everything in this folder takes an owner: the context of a test, or a `Scope` where several tests share
 * something (`const scope = new Scope()`, then `after(() => scope.close())`).
 *
 * ```text
 *   folder ─▶ nginx ─▶ client          started in this order
 *   folder ◀─ nginx ◀─ client          ended in this order, so nothing loses its ground
 * ```
 */

/** Whatever calls back at its end: `TestContext` of `node:test`, or `Scope`. */
export interface Owner {
  after(end: () => void | Promise<void>): void
}

type End = () => void | Promise<void>

const endsOf = new WeakMap<Owner, End[]>()

/** Runs `end` when the owner ends, before everything that was registered earlier. */
export function onEnd(owner: Owner, end: End): void {
  const known = endsOf.get(owner)
  if (known !== undefined) {
    known.push(end)
    return
  }
  const ends = [end]
  endsOf.set(owner, ends)
  owner.after(() => runBackwards(ends))
}

/** An owner that is ended by hand. */
export class Scope implements Owner {
  readonly #ends: End[] = []

  after(end: End): void {
    this.#ends.push(end)
  }

  async close(): Promise<void> {
    await runBackwards(this.#ends)
  }
}

/** Runs every end even where one fails, then reports the failures together. */
async function runBackwards(ends: End[]): Promise<void> {
  const failures: unknown[] = []
  for (let end = ends.pop(); end !== undefined; end = ends.pop()) {
    try {
      await end()
    } catch (failure) {
      failures.push(failure)
    }
  }
  if (failures.length === 1) throw failures[0]
  if (failures.length > 1) throw new AggregateError(failures, 'several ends failed')
}

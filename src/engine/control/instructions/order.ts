/**
 * The order of what stands in a block: `/dyn/order/…`.
 *
 * ```text
 *   {"steps":[["http"]],"order":["gzip","server@0.0.0.0:80,b","server@0.0.0.0:80,a"]}
 * ```
 *
 * It changes nothing by itself: orders are put on the tree that all other instructions have made
 * (`control/ordered-tree.ts`), so that these need not know of them.
 */
import type { InstructionKind } from '../instruction.ts'
import type { OrderBody } from '../order.ts'
import { formatPlace, orderTopic, ownersOf } from '../place.ts'
import { Refusal, replyCodes } from '../refusal.ts'

export const order: InstructionKind = {
  topic: orderTopic,
  apply: ({ tree, http, stream, after }) => {
    const applied = { tree, http, stream }
    if (after === undefined) return applied
    const { steps } = after as OrderBody
    const owner = ownersOf(applied, steps)?.at(-1)
    if (owner?.block !== undefined) return applied
    const around = { steps: steps.slice(0, -1), target: steps.at(-1)! }
    throw new Refusal(replyCodes.failure, `there is no ${formatPlace(around)}`)
  },
  identify: (body) => ({ steps: (body as OrderBody).steps }),
}

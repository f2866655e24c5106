/**
 * Where a session is passed to: a group that is known when the server is compiled, or one that a text with
 * variables names while serving.
 */
import type { ComplexValue } from '../../core/complex-value.ts'
import type { Group } from '../../upstream/group.ts'
import type { ServerEnv } from '../module.ts'
import type { Session } from '../session.ts'
import { resolveTarget } from './resolve-target.ts'

/** Finds the group of a session: at once, or through `later`; `undefined` means that the session was ended. */
export interface Target {
  find(session: Session, later: (group: Group) => void): Group | undefined
}

export function compileTarget(pass: ComplexValue, { upstreams, scope }: ServerEnv): Target {
  if (pass.constant !== undefined) {
    const at = scope.settings.findLast(({ name }) => name === 'proxy_pass')
    const cell = upstreams.use(pass.constant, at)
    return { find: () => cell.current }
  }
  return {
    find: (session, later) => resolveTarget(pass.evaluate(session), { session, scope, later }),
  }
}

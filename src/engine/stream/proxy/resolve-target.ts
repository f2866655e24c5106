/** Finds the group that a text with variables names: an upstream block, an address, or a host to look up. */
import { ConfError } from '../../conf/diagnostics.ts'
import type { Scope } from '../../core/scope.ts'
import { parseEndpoint } from '../../upstream/addresses.ts'
import { Group } from '../../upstream/group.ts'
import { toGroupConfig } from '../../upstream/members.ts'
import type { Session } from '../session.ts'
import { implicitConfig } from '../upstream-compiler.ts'

export interface ResolveOptions {
  readonly session: Session
  readonly scope: Scope
  readonly later: (group: Group) => void
}

export function resolveTarget(text: string, { session }: ResolveOptions): Group | undefined {
  const known = session.engine.part?.upstreams.find(text)
  if (known !== undefined) return known
  try {
    const endpoint = parseEndpoint(text, { purpose: 'upstream' })
    if (endpoint.family === 'name') {
      if (endpoint.port === 0) throw new ConfError(`no port in upstream "${text}"`)
      throw new ConfError(`no resolver defined to resolve ${endpoint.host}`)
    }
    return temporaryGroup(text, session)
  } catch (error) {
    if (!(error instanceof ConfError)) throw error
    session.log('error', error.message)
    session.finalize(500)
    return undefined
  }
}

/** A group for one session, given up with it. */
function temporaryGroup(text: string, session: Session): Group {
  const group = new Group(toGroupConfig(implicitConfig(text)), {})
  session.atEnd(() => group.close())
  return group
}

/**
 * What the shared modules need of a session or a request beyond reading variables: the groups of the last
 * regular expression, as `$1` to `$9` and by name.
 */
import type { CompileSession } from '../core/compile-session.ts'
import type { Regex } from '../core/regex.ts'
import type { VariableScope } from '../core/variable-scope.ts'
import type { VariableDefinition, VariableHost, VariableValue } from '../core/variables.ts'

export interface CaptureHost extends VariableHost {
  /** Groups of the last expression that matched and had some. */
  captures: RegExpExecArray | null
  /** Writes a variable's value into the host's cache. */
  store(slot: number, value: VariableValue): void
}

/** A regular expression that leaves its groups in the host. */
export interface CapturingRegex {
  readonly regex: Regex
  /** Slot and name of each named group. */
  readonly named: readonly (readonly [slot: number, name: string])[]
}

/** A variable whose value exists only once something has stored it. */
export const storedVariable: VariableDefinition<VariableHost> = Object.freeze({
  get: () => undefined,
  changeable: true,
})

/** Declares the named groups of an expression as variables. */
export function capturing(regex: Regex, variables: VariableScope): CapturingRegex {
  const named = regex.names.map(
    (name) => [variables.declare(`$${name}`, storedVariable), name] as const,
  )
  return Object.freeze({ regex, named })
}

/** True when the text matches; the groups are then in the host. */
export function matchInto(
  host: CaptureHost,
  { regex, named }: CapturingRegex,
  text: string,
): boolean {
  if (regex.groups === 0) {
    if (!regex.test(text)) return false
    // As in nginx, an expression without groups takes those of the one before away.
    host.captures = null
    return true
  }
  const match = regex.exec(text)
  if (match === null) return false
  host.captures = match
  for (const [slot, name] of named) host.store(slot, match.groups?.[name])
  return true
}

/** `$1` to `$9`. */
export const captureVariables: Readonly<Record<string, VariableDefinition<CaptureHost>>> =
  Object.freeze(
    Object.fromEntries(
      [1, 2, 3, 4, 5, 6, 7, 8, 9].map((group) => [
        String(group),
        { get: (host: CaptureHost) => host.captures?.[group], volatile: true },
      ]),
    ),
  )

/** What a block that defines variables (`map`, `geo`, `split_clients`) may ask for while it is compiled. */
export interface VariableBlockEnv {
  readonly session: CompileSession
  readonly variables: VariableScope
}

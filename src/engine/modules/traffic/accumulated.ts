/**
 * Lists that grow from block to block: what a `server` adds stands beside what `http` says, where other
 * directives would go in its place.
 */
import type { Module } from '../../core/module.ts'
import type { Scope } from '../../core/scope.ts'

type ListsOf<Conf> = {
  [Name in keyof Conf]: Conf[Name] extends readonly unknown[] ? Name : never
}[keyof Conf]

/** The list of a setting, with those of the blocks around before it. */
export function accumulated<Conf extends object, Name extends ListsOf<Conf>>(
  scope: Scope,
  module: Module<Conf>,
  name: Name,
): Conf[Name] {
  const lists: (readonly unknown[])[] = []
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
    const list = at.conf(module)[name] as readonly unknown[]
    // A block that says nothing has the very list of the one around it.
    if (lists[0] !== list) lists.unshift(list)
  }
  return lists.flat() as Conf[Name]
}

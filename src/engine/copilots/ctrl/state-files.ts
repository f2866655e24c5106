/**
 * Files of upstream groups with `state`: written whenever the members of such a group have changed.
 *
 * The journal says who the members are; the file is a copy, for whoever starts without the journal. It is
 * written before a change is answered, and compared whenever control begins or the engine was reloaded, so
 * that it catches up with what happened while control was away.
 */
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { resolve } from 'node:path'
import { directives, findDirective } from '../../conf/block.ts'
import { printDirective } from '../../conf/printer.ts'
import type { Directive } from '../../conf/tree.ts'
import type { DynamicState } from '../../control/dynamic-state.ts'
import { groupsOf } from '../../control/group-index.ts'
import type { Edit } from '../../control/instruction.ts'
import { heldGroupOf } from '../../control/instructions/upstream-member.ts'
import type { Log } from '../../core/log.ts'
import { errnoText } from '../../net/errors.ts'

export interface StateFilesOptions {
  /** Folder of relative paths. */
  readonly prefix: string
  readonly log: Log
}

export class StateFiles {
  readonly #options: StateFilesOptions

  constructor(options: StateFilesOptions) {
    this.#options = options
  }

  /** Writes the files of groups that edits have changed. */
  onChange(edits: readonly Edit[], state: DynamicState): void {
    for (const { key } of edits) this.#write(key, state)
  }

  /** Writes all files that are not as they should be. */
  onLoad(state: DynamicState): void {
    for (const [key] of state.instructions.entries()) this.#write(key, state)
  }

  #write(key: string, { tree }: DynamicState): void {
    const held = heldGroupOf(key)
    const group = held && groupsOf(tree, held.subsystem).find(held.name)
    const [file, inline] = findDirective(group?.block, 'state')?.args ?? []
    if (group === undefined || file === undefined || inline === undefined) return
    const path = resolve(this.#options.prefix, file)
    try {
      replaceFile(path, textOf(group))
    } catch (error) {
      const reason = errnoText(error as NodeJS.ErrnoException)
      this.#options.log.write('error', `state file "${path}" cannot be written (${reason})`)
    }
  }
}

function textOf({ block }: Directive): string {
  const servers = [...directives(block!)].filter(({ name }) => name === 'server')
  return servers.map((server) => `${printDirective(server).trim()}\n`).join('')
}

/** Workers read it, whoever they are. */
const newFileMode = 0o644

/** Whoever opens the file finds the old text or the new one, whole. */
function replaceFile(path: string, text: string): void {
  const before = statSync(path, { throwIfNoEntry: false })
  if (before !== undefined && readFileSync(path, 'utf8') === text) return
  const draft = `${path}.${process.pid}.tmp`
  const descriptor = openSync(draft, 'w', newFileMode)
  try {
    fchmodSync(descriptor, before === undefined ? newFileMode : before.mode & 0o777)
    writeSync(descriptor, text)
    fsyncSync(descriptor)
    renameSync(draft, path)
  } catch (error) {
    unlinkSync(draft)
    throw error
  } finally {
    closeSync(descriptor)
  }
}

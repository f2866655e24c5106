/** `set $variable value`: gives a variable a value when the first bytes of the client have been looked at. */
import type { ComplexValue } from '../../core/complex-value.ts'
import type { ValueType } from '../../core/module.ts'
import { storedVariable } from '../../modules/captures.ts'
import { concat } from '../../modules/value-types.ts'
import { defineStreamModule, type StreamModule } from '../module.ts'
import type { Session } from '../session.ts'

export interface Assignment {
  /** With its sign, as written. */
  readonly variable: string
  readonly slot: number
  readonly value: ComplexValue
}

export interface StreamSetConf {
  readonly set: readonly Assignment[]
}

const assignment: ValueType<readonly Assignment[]> = {
  describe: '$variable value',
  parse: ([variable = '', value = ''], env) => [
    { variable, slot: env.variables!.declare(variable, storedVariable), value: env.complex(value) },
  ],
}

export const streamSet: StreamModule<StreamSetConf> = defineStreamModule<StreamSetConf>({
  id: 'stream.set',
  directives: {
    set: {
      contexts: ['stream.server'],
      args: [2, 2],
      syntax: 'set $variable value',
      value: assignment,
      default: [],
      merge: concat,
      inherited: false,
      doc: 'Sets a value for a variable.',
    },
  },
  hooks: {
    preread: ({ set }) => {
      if (set.length === 0) return undefined
      return (session) => {
        for (const one of set) assign(session, one)
        return 'declined'
      }
    },
  },
})

export function assign(session: Session, { slot, value }: Assignment): void {
  session.store(slot, value.evaluate(session))
}

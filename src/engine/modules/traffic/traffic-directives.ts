/** Rows of directives that both subsystems have under names of their own, for the contexts of each. */
import type { Context, Row, ValueType } from '../../core/module.ts'
import { concat, flag } from '../value-types.ts'
import {
  averageMethod,
  type AverageMethod,
  histogramBuckets,
  usualAverage,
} from './traffic-values.ts'

export interface TrafficRows {
  /** `name on | off`. */
  switched(name: string, usually: boolean, doc: string): Row<boolean>
  /** What may stand several times; `syntax` begins with the name. */
  listed<T>(
    syntax: string,
    args: Row<unknown>['args'],
    value: ValueType<readonly T[]>,
    doc: string,
  ): Row<readonly T[]>
  averageMethod(name: string): Row<AverageMethod>
  histogramBuckets(name: string): Row<readonly number[]>
}

export function trafficRows(contexts: readonly Context[]): TrafficRows {
  return {
    switched: (name, usually, doc) => {
      const syntax = `${name} on | off`
      return { contexts, args: [1, 1], syntax, value: flag, default: usually, doc }
    },
    listed: (syntax, args, value, doc) => {
      return { contexts, args, syntax, value, default: [], merge: concat, doc }
    },
    averageMethod: (name) => ({
      contexts,
      args: [1, 2],
      syntax: `${name} AMM | WMA [period]`,
      value: averageMethod,
      default: usualAverage,
      doc: 'Sets how averages of times are made, and how old a time may be for it; 0 is no limit.',
    }),
    histogramBuckets: (name) => ({
      contexts,
      args: [1, Infinity],
      syntax: `${name} seconds ...`,
      value: histogramBuckets,
      default: [],
      doc: 'Sets the bounds of a histogram of times beside the one that is always there.',
    }),
  }
}

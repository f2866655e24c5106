/** A rule of an RFC as bytes for a server and what it must answer. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Message, valuesOf } from '../../support/http-messages.ts'
import type { Owner } from '../../support/scope.ts'
import { dialogue } from '../dialogue.ts'
import type { Server } from './support.ts'

export interface Rule {
  readonly clause: string
  readonly name: string
  /** Pieces of a list arrive apart. */
  readonly send: string | readonly string[]
  /** Statuses of the answers, in order; none where the connection just ends. */
  readonly statuses: readonly number[]
  readonly closed?: boolean
  readonly methods?: readonly string[]
  /** More about the answers, interim ones included. */
  readonly also?: (answers: readonly Message[]) => void
}

/** Puts every rule to the server over every carrier it listens on. */
export function testRules(owner: Owner, rules: readonly Rule[], server: () => Server): void {
  for (const carrier of ['plain', 'tls', 'unix'] as const) {
    describe(`over ${carrier}`, { concurrency: 4 }, () => {
      for (const rule of rules) {
        test(`${rule.clause}: ${rule.name}`, async () => {
          const { statuses, closed, answers } = await dialogue(
            owner,
            server().places[carrier],
            rule.send,
            {
              answers: Math.max(1, rule.statuses.length),
              ...(rule.methods && { methods: rule.methods }),
            },
          )
          assert.deepEqual(statuses, rule.statuses)
          if (rule.closed !== undefined) assert.equal(closed, rule.closed, 'closed')
          rule.also?.(answers)
        })
      }
    })
  }
}

/** The one value of a field of the only answer; nothing when it is not there. */
export function field(answers: readonly Message[], name: string): string | undefined {
  const values = valuesOf(answers.at(-1)!, name)
  assert(values.length <= 1, `${values.length} fields ${name}`)
  return values[0]
}

/** A request to a path, with `Host`. */
export function ask(target: string, fields = '', method = 'GET'): string {
  return `${method} ${target} HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`
}

/** A chunked request to the echo. */
export function chunks(text: string, fields = ''): string {
  return `${ask('/echo', `${fields}Transfer-Encoding: chunked\r\n`, 'POST')}${text}`
}

/** A request whose body is echoed. */
export function echo(body: string, fields = ''): string {
  const length = Buffer.byteLength(body, 'latin1')
  return `${ask('/echo', `${fields}Content-Length: ${length}\r\n`, 'POST')}${body}`
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfError } from '../conf/diagnostics.ts'
import { replyCodes } from '../control/refusal.ts'
import type { Log } from '../core/log.ts'
import { ConfigurationError } from './configuration.ts'
import { Membership, type Participant } from './membership.ts'
import type { FromChild } from './messages.ts'

/** What a child answers, and logs, when it cannot prepare a change. */
async function refusalOf(
  fault: Error,
): Promise<{ readonly answer: FromChild; readonly logged: readonly string[] }> {
  const logged: string[] = []
  const log: Log = {
    write: (level, message) => void logged.push(`[${level}] ${message}`),
    takes: () => true,
  }
  const participant: Participant = {
    load: () => Promise.reject(fault),
    prepare: () => Promise.reject(fault),
    commit: () => {},
    abort: () => {},
    serve: () => Promise.reject(fault),
  }
  const { promise, resolve } = Promise.withResolvers<FromChild>()
  new Membership(participant, resolve, log).onMessage({
    kind: 'prepare',
    transaction: 1,
    change: { edits: [] },
  })
  return { answer: await promise, logged }
}

const message = 'host not found in upstream "nowhere.invalid:80"'

test('what the configuration says wrong is refused at its place and is no alert', async () => {
  const at = { file: '/conf', line: 3, column: 1 }
  const fault = new ConfigurationError([{ severity: 'emerg', message, at }])
  const { answer, logged } = await refusalOf(fault)
  assert.deepEqual(logged, [])
  assert(answer.kind === 'refused')
  assert.deepEqual(answer.refused.diagnostics, fault.diagnostics)
  assert.equal(answer.refused.reply.msg, `${message} in /conf:3`)
})

test('nor is it without a place', async () => {
  const { answer, logged } = await refusalOf(new ConfError(message))
  assert.deepEqual(logged, [])
  assert(answer.kind === 'refused')
  assert.deepEqual(answer.refused.reply, { code: replyCodes.failure, msg: message })
  assert.deepEqual(answer.refused.diagnostics, [{ severity: 'emerg', message, at: undefined }])
})

test('a fault of ours is an alert, with its stack', async () => {
  const { answer, logged } = await refusalOf(new TypeError('x is not a function'))
  assert.equal(answer.kind, 'refused')
  assert.match(logged.join(), /^\[alert\] a change failed: TypeError: x is not a function\n +at /)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readProtected, withFetchedFiles } from './protected-files.ts'

test('work that needs no file that is denied is done once', async () => {
  let times = 0
  const result = await withFetchedFiles(
    () => Promise.reject(new Error('nothing to fetch')),
    async () => (times += 1),
  )
  assert.equal(result, 1)
})

test('without somebody who fetches, and for other faults, the fault is the caller’s', async () => {
  const missing = async (): Promise<string> => readProtected('/nowhere/at/all')
  await assert.rejects(withFetchedFiles(undefined, missing), { code: 'ENOENT' })
  await assert.rejects(
    withFetchedFiles(async () => ({}), missing),
    { code: 'ENOENT' },
  )
})

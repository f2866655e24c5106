import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { GroupCommit, RefusedError } from './group-commit.ts'

interface Bench {
  readonly database: DatabaseSync
  readonly commits: GroupCommit
  readonly log: string[]
  readonly insert: (value: number) => Promise<number>
}

function makeBench(): Bench {
  const database = new DatabaseSync(':memory:')
  database.exec('CREATE TABLE t (value INTEGER UNIQUE) STRICT')
  const commits = new GroupCommit(database)
  const log: string[] = []
  const insert = (value: number): Promise<number> =>
    commits.write(() => {
      database.prepare('INSERT INTO t VALUES (?)').run(value)
      log.push(`write ${value}`)
      return () => {
        log.push(`effect ${value}`)
        return value
      }
    })
  return { database, commits, log, insert }
}

describe('group commit', () => {
  it('puts the writes of one turn into one transaction, effects after all of them', async () => {
    const { log, insert, commits } = makeBench()
    assert.equal(commits.idle, true)
    const both = Promise.all([insert(1), insert(2)])
    assert.equal(commits.idle, false)
    assert.deepEqual(await both, [1, 2])
    assert.deepEqual(log, ['write 1', 'write 2', 'effect 1', 'effect 2'])
    assert.equal(commits.idle, true)
  })

  it('undoes all of them when one fails, and tells every writer', async () => {
    const { log, insert, database } = makeBench()
    const results = await Promise.allSettled([insert(1), insert(2), insert(1)])
    assert.deepEqual(
      results.map(({ status }) => status),
      ['rejected', 'rejected', 'rejected'],
    )
    assert.equal(
      log.some((line) => line.startsWith('effect')),
      false,
    )
    assert.equal(database.prepare('SELECT count(*) AS n FROM t').get()?.['n'], 0)
    await insert(1)
  })

  it('refuses one writer without harm to the others', async () => {
    const { insert, commits } = makeBench()
    const refused = commits.write(() => {
      throw new RefusedError('full')
    })
    const results = await Promise.allSettled([insert(1), refused, insert(2)])
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
  })

  it('commits what waits when it is flushed', async () => {
    const { insert, commits, database } = makeBench()
    const pending = Array.from({ length: 2_500 }, (_, i) => insert(i))
    commits.flush()
    assert.equal(database.prepare('SELECT count(*) AS n FROM t').get()?.['n'], 2_500)
    await Promise.all(pending)
  })
})

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import type { Edit } from '../control/instruction.ts'
import { Journal, RevisionError } from './journal.ts'

function temporaryPath(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'trijet-journal-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'data/journal.db')
}

function open(t: TestContext, path: string): Journal {
  const journal = new Journal(path)
  t.after(() => journal.close())
  return journal
}

function set(key: string, body: string | null): Edit {
  return { key, body }
}

function append(journal: Journal, ...edits: readonly Edit[]): number {
  return journal.append({
    time: '2026-11-22T10:00:00.000Z',
    action: 'test',
    actor: { peer: '10.0.0.7', name: 'me' },
    edits,
  })
}

test('nothing is written before the first change', (t) => {
  const path = temporaryPath(t)
  const journal = open(t, path)
  assert.equal(journal.revision, 0)
  assert.deepEqual(journal.history(Number.MAX_SAFE_INTEGER, 10), [])
  assert.equal(existsSync(path), false)
})

test('what was appended is there after a new start, by age', (t) => {
  const path = temporaryPath(t)
  const first = open(t, path)
  append(first, set('a', '1'), set('b', '2'))
  append(first, set('a', '3'))
  append(first, set('c', '4'))
  append(first, set('c', null))
  first.close()
  const second = open(t, path)
  assert.equal(second.revision, 4)
  assert.deepEqual(second.instructions(), [
    { key: 'a', body: '3' },
    { key: 'b', body: '2' },
  ])
})

test('what is set again keeps its age; what was taken away meanwhile, or stood for nothing, does not', (t) => {
  const path = temporaryPath(t)
  const first = open(t, path)
  const empty = '{"text":""}'
  append(first, set('a', '1'), set('b', empty), set('c', '2'), set('d', '3'))
  append(first, set('a', null), set('a', '4'))
  append(first, set('b', '5'))
  append(first, set('c', '6'))
  const keys = ['c', 'd', 'a', 'b']
  assert.deepEqual(
    first.instructions().map(({ key }) => key),
    keys,
  )
  const since = [set('a', null), set('a', '4'), set('b', null), set('b', '5'), set('c', '6')]
  assert.deepEqual(first.editsSince(1), since)
  assert.deepEqual(first.editsBackTo(1), [set('a', '1'), set('b', empty), set('c', '2')])
  first.close()
  const second = open(t, path)
  assert.deepEqual(
    second.instructions().map(({ key }) => key),
    keys,
  )
})

test('history tells before and after, the newest first', (t) => {
  const journal = open(t, temporaryPath(t))
  append(journal, set('a', '1'))
  append(journal, set('a', '2'), set('b', '3'))
  const [newest, oldest] = journal.history(Number.MAX_SAFE_INTEGER, 10)
  assert.equal(newest!.revision, 2)
  assert.deepEqual(
    newest!.edits.map((edit) => ({ ...edit })),
    [
      { key: 'a', before: '1', after: '2' },
      { key: 'b', before: null, after: '3' },
    ],
  )
  assert.equal(oldest!.action, 'test')
  assert.equal(journal.history(2, 10).length, 1)
})

test('a journal of before tells what was not kept then, and stays open to older programs', (t) => {
  const path = temporaryPath(t)
  const first = open(t, path)
  append(first, set('a', '1'))
  first.close()
  const older = new DatabaseSync(path)
  t.after(() => older.close())
  older.exec('ALTER TABLE revisions DROP COLUMN peer')
  const journal = open(t, path)
  append(journal, set('a', '2'))
  older.exec(`INSERT INTO revisions (revision, time, action, actor) VALUES (3, '', 'older', 'x')`)
  const origins = journal.history(9, 9).map(({ actor, peer }) => [actor, peer])
  assert.deepEqual(origins, [
    ['x', null],
    ['me', '10.0.0.7'],
    ['me', null],
  ])
})

test('edits back to a revision undo everything after it', (t) => {
  const journal = open(t, temporaryPath(t))
  append(journal, set('a', '1'))
  append(journal, set('a', '2'), set('b', '3'))
  append(journal, set('b', null), set('c', '4'))
  assert.deepEqual(journal.editsBackTo(1), [set('a', '1'), set('c', null)])
  assert.deepEqual(journal.editsBackTo(2), [set('b', '3'), set('c', null)])
  assert.deepEqual(journal.editsBackTo(3), [])
  assert.deepEqual(journal.editsBackTo(0), [set('a', null), set('c', null)])
})

function location(name: string, rule = '~', server_name = 'a'): Edit {
  const locations = [{ location_rule: rule, location_name: name }]
  const body = JSON.stringify({ addr_port: '0.0.0.0:80', server_name, locations })
  return set(`/ins/loc/${server_name}${name}`, body)
}

function without({ key }: Edit): Edit {
  return set(key, null)
}

test('what is asked one after the other comes back where it stood', (t) => {
  const path = temporaryPath(t)
  const journal = open(t, path)
  const [a, b, c, d] = ['/a', '/b', '/c', '/d'].map((name) => location(name)) as [
    Edit,
    Edit,
    Edit,
    Edit,
  ]
  const prefix = location('/p', '^~')
  const elsewhere = location('/x', '~', 'other')
  append(journal, a, b)
  append(journal, prefix, elsewhere, c)
  append(journal, without(b), without(prefix))
  append(journal, d)
  assert.deepEqual(journal.editsBackTo(3), [without(d)])
  assert.deepEqual(journal.editsBackTo(2), [prefix, without(d), b, without(c), c])
  append(journal, b)
  assert.deepEqual(journal.editsBackTo(2), [prefix, without(d), without(b), b, without(c), c])
  append(journal, ...journal.editsBackTo(2))
  const row = journal.instructions().filter(({ key }) => /[abcd]$/.test(key))
  assert.deepEqual(row, [a, b, c])
  append(journal, ...journal.editsBackTo(4))
  assert.deepEqual(
    journal.instructions().filter(({ key }) => /[abcd]$/.test(key)),
    [a, c, d],
  )
})

test('edits since a revision hold each key once, with its last body', (t) => {
  const journal = open(t, temporaryPath(t))
  append(journal, set('a', '1'))
  append(journal, set('b', '2'))
  append(journal, set('a', '3'), set('c', '4'))
  append(journal, set('c', null))
  assert.deepEqual(journal.editsSince(1), [set('b', '2'), set('a', '3'), set('c', null)])
  assert.deepEqual(journal.editsSince(4), [])
})

test('a revision that never was is refused', (t) => {
  const journal = open(t, temporaryPath(t))
  append(journal, set('a', '1'))
  for (const revision of [-1, 2, 0.5]) {
    assert.throws(() => journal.editsBackTo(revision), RevisionError)
  }
})

test('another process reads what was written meanwhile', (t) => {
  const path = temporaryPath(t)
  const one = open(t, path)
  append(one, set('a', '1'))
  const other = open(t, path)
  append(other, set('b', '2'))
  assert.deepEqual(one.reread(), [set('b', '2')])
  assert.equal(one.revision, 2)
})

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Log } from '../core/log.ts'
import { Journal } from './journal.ts'
import { processLimits } from './limits.ts'
import type { ConfigurationFiles, FromChild, ToChild } from './messages.ts'
import { type Member, type Outcome, type OwnPart, Transactions } from './transactions.ts'

const files: ConfigurationFiles = { entry: '/c', prefix: '/', globals: '', texts: { '/c': '' } }

/** A child that answers as it is told to, and remembers what it was sent. */
class FakeChild implements Member {
  readonly identity: Member['identity']
  readonly sent: ToChild[] = []
  killed = false
  transactions: Transactions | undefined
  /** What it says to each message; silence for `undefined`. */
  answer: (message: ToChild) => FromChild | undefined = agree

  constructor(slot: number) {
    this.identity = { slot, sharedMemory: 'test', workers: 1 }
  }

  send(message: ToChild): void {
    this.sent.push(message)
    const answer = this.answer(message)
    if (answer !== undefined) setImmediate(() => this.transactions!.onMessage(this, answer))
  }

  kill(): void {
    this.killed = true
    this.transactions!.onGone(this)
  }

  kinds(): string {
    return this.sent.map(({ kind }) => kind).join(' ')
  }
}

function agree(message: ToChild): FromChild | undefined {
  switch (message.kind) {
    case 'init':
      return { kind: 'ready', leftOut: [] }
    case 'serve':
      return { kind: 'serving', logs: [] }
    case 'prepare':
      return { kind: 'prepared', transaction: message.transaction, leftOut: [] }
    case 'commit':
      return { kind: 'committed', transaction: message.transaction }
    case 'abort':
    case 'changed':
    case 'reopen':
    case 'listening':
    case 'answer':
      return undefined
  }
}

function keysOf(message: ToChild | undefined): readonly string[] {
  assert(message?.kind === 'init')
  return message.state.instructions.map(({ key }) => key)
}

function refusing(message: ToChild): FromChild | undefined {
  if (message.kind !== 'prepare') return agree(message)
  const refused = { reply: { code: 5, msg: 'exists' }, diagnostics: [] }
  return { kind: 'refused', transaction: message.transaction, refused }
}

interface Bed {
  readonly transactions: Transactions
  readonly journal: Journal
  readonly logged: readonly string[]
  join(child: FakeChild): Promise<Outcome>
  follow(child: FakeChild): Promise<Outcome>
  change(key: string, dryRun?: boolean): Promise<Outcome>
}

function bed(t: TestContext, own?: OwnPart): Bed {
  const folder = mkdtempSync(join(tmpdir(), 'trijet-transactions-'))
  const journal = new Journal(join(folder, 'journal.db'))
  t.after(() => {
    journal.close()
    rmSync(folder, { recursive: true })
  })
  const logged: string[] = []
  const log: Log = {
    write: (level, message) => logged.push(`${level} ${message}`),
    takes: () => true,
  }
  const now = (): string => 'now'
  const transactions = new Transactions({ journal, files, now, log, ...(own && { own }) })
  return {
    transactions,
    journal,
    logged,
    join: (child) => {
      child.transactions = transactions
      return transactions.join(child)
    },
    follow: (child) => {
      child.transactions = transactions
      return transactions.follow(child)
    },
    change: (key, dryRun = false) =>
      transactions.change({
        edits: [{ key, body: '{}' }],
        action: 'a',
        actor: { peer: 'b' },
        dryRun,
      }),
  }
}

test('a change is done when every member has prepared, then committed', async (t) => {
  const { join: enter, change, journal } = bed(t)
  const children = [new FakeChild(0), new FakeChild(1)]
  for (const child of children) await enter(child)
  const outcome = await change('k')
  assert.deepEqual(outcome, { kind: 'done', revision: 1, leftOut: [] })
  assert.equal(journal.revision, 1)
  for (const child of children) assert.equal(child.kinds(), 'init serve prepare commit')
})

test('one no undoes the preparation everywhere and is the answer', async (t) => {
  const { join: enter, change, journal } = bed(t)
  const [yes, no] = [new FakeChild(0), new FakeChild(1)]
  no.answer = refusing
  for (const child of [yes, no]) await enter(child)
  const outcome = await change('k')
  assert(outcome.kind === 'refused')
  assert.deepEqual(outcome.refused.reply, { code: 5, msg: 'exists' })
  assert.equal(journal.revision, 0)
  assert.equal(yes.kinds(), 'init serve prepare abort')
})

test('a dry run asks everybody and changes nothing', async (t) => {
  const { join: enter, change, journal } = bed(t)
  const child = new FakeChild(0)
  await enter(child)
  assert.equal((await change('k', true)).kind, 'done')
  assert.equal(journal.revision, 0)
  assert.equal(child.kinds(), 'init serve prepare abort')
})

test('a member that dies while it prepares is not waited for', async (t) => {
  const { transactions, join: enter, change } = bed(t)
  const [lives, dies] = [new FakeChild(0), new FakeChild(1)]
  for (const child of [lives, dies]) await enter(child)
  dies.answer = () => {
    setImmediate(() => transactions.onGone(dies))
    return undefined
  }
  assert.equal((await change('k')).kind, 'done')
  assert.equal(lives.kinds(), 'init serve prepare commit')
})

test('a member that dies between its vote and the commit is not waited for', async (t) => {
  const { transactions, join: enter, change } = bed(t)
  const [slow, dies] = [new FakeChild(0), new FakeChild(1)]
  for (const child of [slow, dies]) await enter(child)
  slow.answer = (message) => {
    if (message.kind !== 'prepare') return agree(message)
    void (async () => {
      for (let i = 0; i < 5; i++) await turn()
      transactions.onGone(dies)
      transactions.onMessage(slow, agree(message)!)
    })()
    return undefined
  }
  assert.equal((await change('k')).kind, 'done')
  assert.equal(slow.kinds(), 'init serve prepare commit')
  assert.equal(dies.kinds(), 'init serve prepare', 'its successor is not told either')
  assert.equal(dies.killed, false)
})

test('without anyone who serves a change is refused, and one that only follows does not count', async (t) => {
  const { transactions, join: enter, follow, change, journal } = bed(t)
  const worker = new FakeChild(0)
  await enter(worker)
  await follow(new FakeChild(0))
  worker.answer = () => {
    setImmediate(() => transactions.onGone(worker))
    return undefined
  }
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const outcome = change('k')
  // Nobody comes, however often it is waited for.
  for (let attempt = 1; attempt < processLimits.desertedAttemptsMax; attempt++) {
    for (let i = 0; i < 10; i++) await turn()
    t.mock.timers.tick(processLimits.arrivalTimeoutMs)
  }
  assert.equal((await outcome).kind, 'refused')
  assert.equal(journal.revision, 0)
})

test('a change under which the only worker dies is made with its successor', async (t) => {
  const { transactions, join: enter, change, journal } = bed(t)
  const [first, second] = [new FakeChild(0), new FakeChild(0)]
  await enter(first)
  first.answer = () => {
    setImmediate(() => transactions.onGone(first))
    return undefined
  }
  const outcome = change('k')
  await turn()
  await enter(second)
  assert.equal((await outcome).kind, 'done')
  assert.equal(second.kinds(), 'init serve prepare commit')
  assert.equal(journal.revision, 1)
})

test('a change waits for the successor of the only worker', async (t) => {
  const { transactions, join: enter, change } = bed(t)
  const first = new FakeChild(0)
  await enter(first)
  transactions.onGone(first)
  const waiting = change('k')
  await turn()
  const second = new FakeChild(0)
  await enter(second)
  assert.equal((await waiting).kind, 'done')
  assert.equal(second.kinds(), 'init serve prepare commit')
})

test('who starts while others change is brought up to date before it serves', async (t) => {
  const { join: enter, change } = bed(t)
  const old = new FakeChild(0)
  await enter(old)
  const fresh = new FakeChild(1)
  let letGo: () => void = () => {}
  fresh.answer = (message) => {
    if (message.kind !== 'init') return agree(message)
    letGo = () => void fresh.transactions!.onMessage(fresh, { kind: 'ready', leftOut: [] })
    return undefined
  }
  const joining = enter(fresh)
  await change('missed')
  letGo()
  assert.equal((await joining).kind, 'done')
  assert.equal(fresh.kinds(), 'init prepare commit serve')
  const [, prepare] = fresh.sent
  assert(prepare?.kind === 'prepare')
  assert.deepEqual(prepare.change.edits, [{ key: 'missed', body: '{}' }])
})

test('a follower hears of a change when it is made, and of none that is not', async (t) => {
  const { join: enter, follow, change } = bed(t)
  const [worker, follower] = [new FakeChild(0), new FakeChild(0)]
  await enter(worker)
  await follow(follower)
  worker.answer = (message) => {
    if (message.kind === 'commit') assert.equal(follower.kinds(), 'init serve', 'not before')
    return agree(message)
  }
  await change('k')
  assert.deepEqual(follower.sent.at(-1), {
    kind: 'changed',
    edits: [{ key: 'k', body: '{}' }],
    revision: 1,
  })
  await change('tried', true)
  worker.answer = refusing
  await change('refused')
  assert.equal(follower.kinds(), 'init serve changed')
})

test('a follower that begins while others change has heard of everything when it is told so', async (t) => {
  const { join: enter, follow, change } = bed(t)
  await enter(new FakeChild(0))
  const follower = new FakeChild(0)
  let letGo: () => void = () => {}
  follower.answer = (message) => {
    if (message.kind !== 'init') return agree(message)
    letGo = () => void follower.transactions!.onMessage(follower, { kind: 'ready', leftOut: [] })
    return undefined
  }
  const following = follow(follower)
  await change('missed')
  letGo()
  assert.equal((await following).kind, 'done')
  assert.equal(follower.kinds(), 'init changed serve')
})

test('a follower is given what is in force: nothing that new files leave out', async (t) => {
  const { transactions, join: enter, follow, change } = bed(t)
  const [worker, follower] = [new FakeChild(0), new FakeChild(0)]
  await enter(worker)
  await follow(follower)
  for (const key of ['a', 'b', 'c']) await change(key)
  worker.answer = (message) => {
    if (message.kind !== 'prepare') return agree(message)
    const leftOut = ['a', 'b'].map((key) => ({ key, reason: 'no room' }))
    return { kind: 'prepared', transaction: message.transaction, leftOut }
  }
  const next = { ...files, texts: { '/c': 'events {}' } }
  await transactions.reload(next)
  worker.answer = agree
  await change('a')
  const [init, , , , , anew, edited] = follower.sent
  assert(init?.kind === 'init' && anew?.kind === 'init')
  assert.deepEqual(init.state.instructions, [])
  assert.equal(anew.state.files, next)
  assert.deepEqual(keysOf(anew), ['c'])
  assert.equal(edited?.kind, 'changed')
  const later = new FakeChild(0)
  await follow(later)
  assert.deepEqual(keysOf(later.sent[0]), ['c', 'a'])
})

test('a follower that is gone is told nothing more', async (t) => {
  const { transactions, join: enter, follow, change } = bed(t)
  const follower = new FakeChild(0)
  await enter(new FakeChild(0))
  await follow(follower)
  transactions.onGone(follower)
  assert.equal((await change('k')).kind, 'done')
  assert.equal(follower.kinds(), 'init serve')
})

test('changes are made one after the other', async (t) => {
  const { join: enter, change, journal } = bed(t)
  const child = new FakeChild(0)
  await enter(child)
  const outcomes = await Promise.all(['a', 'b', 'c'].map((key) => change(key)))
  assert.deepEqual(
    outcomes.map((outcome) => outcome.kind === 'done' && outcome.revision),
    [1, 2, 3],
  )
  assert.equal(child.kinds(), 'init serve prepare commit prepare commit prepare commit')
  assert.equal(journal.size, 3)
})

test('a reload gives new files to all, and later ones begin with them', async (t) => {
  const { transactions, join: enter } = bed(t)
  await enter(new FakeChild(0))
  const next = { ...files, texts: { '/c': 'events {}' } }
  assert.equal((await transactions.reload(next)).kind, 'done')
  const later = new FakeChild(1)
  await enter(later)
  const [init] = later.sent
  assert(init?.kind === 'init')
  assert.equal(init.state.files, next)
})

test('a journal that cannot be written refuses the change everywhere', async (t) => {
  const { journal, join: enter, change } = bed(t)
  const child = new FakeChild(0)
  await enter(child)
  journal.append = () => {
    throw new Error('disk full')
  }
  const outcome = await change('k')
  assert(outcome.kind === 'refused')
  assert.match(outcome.refused.reply.msg, /disk full/)
  assert.equal(child.kinds(), 'init serve prepare abort')
})

/** The master's own part, which notes what it is asked and may say no. */
function ownPart(objection?: string): OwnPart & { readonly asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    prepare: async (_, dryRun) => {
      asked.push(dryRun ? 'try' : 'prepare')
      if (objection !== undefined) throw new Error(objection)
    },
    commit: async () => void asked.push('commit'),
    abort: async () => void asked.push('abort'),
  }
}

test("the master's own part is prepared last, and committed with the others", async (t) => {
  const own = ownPart()
  const { join: enter, change } = bed(t, own)
  const child = new FakeChild(0)
  await enter(child)
  assert.equal((await change('k')).kind, 'done')
  assert.deepEqual(own.asked, ['prepare', 'commit'])
  assert.equal((await change('k', true)).kind, 'done')
  assert.deepEqual(own.asked, ['prepare', 'commit', 'try'], 'a dry run leaves nothing to undo')
  child.answer = refusing
  assert.equal((await change('k')).kind, 'refused')
  assert.equal(own.asked.length, 3, 'it is not asked about what a member refuses')
})

test("what the master's own part cannot do is done nowhere", async (t) => {
  const { join: enter, change, journal } = bed(t, ownPart('no such program'))
  const child = new FakeChild(0)
  await enter(child)
  const outcome = await change('k')
  assert(outcome.kind === 'refused')
  assert.equal(outcome.refused.reply.msg, 'no such program')
  assert.equal(child.kinds(), 'init serve prepare abort')
  assert.equal(journal.revision, 0)
})

test("the master's own part is undone when the journal cannot be written", async (t) => {
  const own = ownPart()
  const { join: enter, change, journal, logged } = bed(t, own)
  await enter(new FakeChild(0))
  t.mock.method(journal, 'append', () => {
    throw new Error('the disk is full')
  })
  assert.equal((await change('k')).kind, 'refused')
  assert.deepEqual(own.asked, ['prepare', 'abort'])
  assert.deepEqual(logged, ['crit the journal cannot be written: the disk is full'])
})

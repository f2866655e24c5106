/**
 * What every store must do, run by the tests of each implementation.
 */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { storeLimits } from './limits.ts'
import type { Change, HistoryLimits, Leases, Page, Store, Transaction } from './store.ts'

export type OpenStore = (limits?: HistoryLimits) => Promise<Store & Leases>

export function storeConformance(name: string, open: OpenStore): void {
  describe(`${name}: keys and values`, () => keysAndValues(closing(open)))
  describe(`${name}: commits`, () => commits(closing(open)))
  describe(`${name}: ranges`, () => ranges(closing(open)))
  describe(`${name}: watching`, () => watching(closing(open)))
  describe(`${name}: leases`, () => leases(closing(open)))
  describe(`${name}: limits`, () => sizes(closing(open)))
}

export function put(key: string, value: string | Uint8Array = key): Change {
  return { kind: 'put', key, value }
}

export function del(key: string): Change {
  return { kind: 'delete', key }
}

export function text(value: Uint8Array | undefined): string | undefined {
  return value && Buffer.from(value).toString()
}

/** Takes so many transactions from the start of a watch, then ends it. */
export async function take(
  store: Store,
  from: { readonly prefix?: string; readonly after?: number },
  count: number,
): Promise<Transaction[]> {
  const stop = new AbortController()
  const taken: Transaction[] = []
  for await (const transaction of store.watch(from.prefix ?? '', from.after ?? 0, stop.signal)) {
    taken.push(transaction)
    if (taken.length === count) stop.abort()
  }
  return taken
}

/** `7:a=1,-b` for a transaction of revision 7 that put `a` and deleted `b`. */
export function show({ revision, changes }: Transaction): string {
  const shown = changes.map((change) =>
    change.kind === 'put' ? `${change.key}=${text(change.value)}` : `-${change.key}`,
  )
  return `${revision}:${shown.join(',')}`
}

function closing(open: OpenStore): OpenStore {
  const opened: (Store & Leases)[] = []
  after(async () => {
    for (const store of opened) await store.close()
  })
  return async (limits) => {
    const store = await open(limits)
    opened.push(store)
    return store
  }
}

function keysAndValues(open: OpenStore): void {
  it('has nothing at first, at revision 0', async () => {
    const store = await open()
    assert.equal(await store.get('a'), undefined)
    assert.deepEqual(await store.range(''), { entries: [], revision: 0, more: false })
  })

  it('gives back bytes as they were, text as UTF-8', async () => {
    const store = await open()
    const bytes = Uint8Array.of(0, 255, 10, 0)
    await store.commit([put('bytes', bytes), put('text', '配置'), put('empty', '')])
    bytes.fill(7)
    assert.deepEqual(Buffer.from((await store.get('bytes'))!.value), Buffer.of(0, 255, 10, 0))
    assert.equal(text((await store.get('text'))?.value), '配置')
    assert.equal((await store.get('empty'))?.value.byteLength, 0)
  })

  it('refuses keys that no path would have', async () => {
    const store = await open()
    const bad = [
      '',
      'a\u0000b',
      'a\nb',
      '\u{10FFFF}',
      '\uD800',
      'x'.repeat(storeLimits.keyBytesMax + 1),
    ]
    for (const key of bad) {
      await assert.rejects(store.commit([put(key)]), { code: 'TRIJET_STORE_KEY' }, key)
      await assert.rejects(store.get(key), { code: 'TRIJET_STORE_KEY' }, key)
    }
    assert.equal((await store.range('')).revision, 0)
  })

  it('takes no call once closed', async () => {
    const store = await open()
    await store.close()
    await assert.rejects(store.get('a'), { code: 'TRIJET_STORE_CLOSED' })
    await assert.rejects(store.commit([put('a')]), { code: 'TRIJET_STORE_CLOSED' })
    await store.close()
  })
}

function commits(open: OpenStore): void {
  it('gives all changes of a commit one revision', async () => {
    const store = await open()
    assert.deepEqual(await store.commit([put('a'), put('b')]), { ok: true, revision: 1 })
    assert.deepEqual(await store.commit([put('a', 'new'), del('b')]), { ok: true, revision: 2 })
    assert.equal((await store.get('a'))?.revision, 2)
    assert.equal(await store.get('b'), undefined)
  })

  it('keeps its revision when nothing changes', async () => {
    const store = await open()
    await store.commit([put('a')])
    assert.deepEqual(await store.commit([del('absent')]), { ok: true, revision: 1 })
    assert.deepEqual(await store.commit([]), { ok: true, revision: 1 })
  })

  it('changes nothing when one expectation fails, and says which', async () => {
    const store = await open()
    await store.commit([put('a')])
    await store.commit([put('b')])
    const result = await store.commit(
      [put('a', 'x'), put('c', 'x')],
      [
        { key: 'a', revision: 1 },
        { key: 'b', revision: 1 },
        { key: 'c', revision: 0 },
      ],
    )
    assert.deepEqual(result, { ok: false, conflicts: [{ key: 'b', expected: 1, actual: 2 }] })
    assert.equal(text((await store.get('a'))?.value), 'a')
    assert.equal((await store.range('')).revision, 2)
  })

  it('lets one of many writers create a key', async () => {
    const store = await open()
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        store.commit([put('leader', String(i))], [{ key: 'leader', revision: 0 }]),
      ),
    )
    assert.equal(results.filter(({ ok }) => ok).length, 1)
  })

  it('refuses to change a key twice in one commit', async () => {
    const store = await open()
    await assert.rejects(store.commit([put('a'), del('a')]), { code: 'TRIJET_STORE_KEY' })
  })
}

function ranges(open: OpenStore): void {
  const keys = ['a', 'a/', 'a/1', 'a/10', 'a/2', 'a0', 'b', 'é', '配', '\u{1F600}', '\uFFFD']

  it('is ordered by bytes and holds exactly the prefix', async () => {
    const store = await open()
    await store.commit(keys.toReversed().map((key) => put(key)))
    const byBytes = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    assert.deepEqual(keysOf(await store.range('')), byBytes)
    assert.deepEqual(keysOf(await store.range('a/')), ['a/', 'a/1', 'a/10', 'a/2'])
    assert.deepEqual(keysOf(await store.range('\u{1F600}')), ['\u{1F600}'])
    assert.deepEqual(keysOf(await store.range('zz')), [])
  })

  it('is read page by page', async () => {
    const store = await open()
    await store.commit(keys.map((key) => put(key)))
    const seen: string[] = []
    for (let last: string | undefined, more = true; more;) {
      const page: Page = await store.range('', {
        limit: 3,
        ...(last !== undefined && { after: last }),
      })
      assert.ok(page.entries.length <= 3)
      seen.push(...keysOf(page))
      last = seen.at(-1)
      more = page.more
    }
    assert.deepEqual(seen, keysOf(await store.range('')))
    assert.deepEqual(keysOf(await store.range('a/', { after: 'a/1' })), ['a/10', 'a/2'])
    assert.deepEqual(keysOf(await store.range('b', { after: 'a' })), ['b'])
  })

  it('gives no more than a page at once', async () => {
    const store = await open()
    const most = storeLimits.rangeEntriesMax
    for (let i = 0; i <= most; i += 100) {
      await store.commit(Array.from({ length: 100 }, (_, j) => put(`k${i + j}`)))
    }
    const page = await store.range('', { limit: most + 50 })
    assert.equal(page.entries.length, most)
    assert.equal(page.more, true)
    await assert.rejects(store.range('', { limit: 0 }), { code: 'TRIJET_STORE_SIZE' })
  })
}

function watching(open: OpenStore): void {
  it('gives the past, then what comes, each transaction whole and once', async () => {
    const store = await open()
    await store.commit([put('a', '1'), put('b', '1')])
    await store.commit([put('a', '2')])
    const seen = take(store, {}, 4)
    await store.commit([del('a'), put('c', '3')])
    await store.commit([del('absent')])
    await store.commit([put('a', '4')])
    assert.deepEqual((await seen).map(show), ['1:a=1,b=1', '2:a=2', '3:-a,c=3', '4:a=4'])
  })

  it('begins after the revision it is given', async () => {
    const store = await open()
    for (const value of ['1', '2', '3']) await store.commit([put('a', value)])
    assert.deepEqual((await take(store, { after: 2 }, 1)).map(show), ['3:a=3'])
  })

  it('leaves out what is not under the prefix', async () => {
    const store = await open()
    const seen = take(store, { prefix: 'kv/' }, 2)
    await store.commit([put('other')])
    await store.commit([put('kv/a', '1'), put('kv', 'x'), put('kv0', 'x')])
    await store.commit([put('kv/b', '2')])
    assert.deepEqual((await seen).map(show), ['2:kv/a=1', '3:kv/b=2'])
  })

  it('ends when its signal aborts or the store closes', { timeout: 60_000 }, async () => {
    const store = await open()
    const stop = new AbortController()
    const watches = [
      Array.fromAsync(store.watch('', 0, stop.signal)),
      Array.fromAsync(store.watch('', 0, new AbortController().signal)),
    ]
    await store.commit([put('a')])
    stop.abort()
    await watches[0]
    await store.close()
    assert.equal((await watches[1])?.length, 1)
  })

  it('says when the history it needs is not kept', async () => {
    const store = await open({ historyRevisionsMax: 4, compactEveryRevisions: 1 })
    for (let i = 1; i <= 10; i++) await store.commit([put('a', String(i))])
    await assert.rejects(take(store, { after: 0 }, 1), { code: 'TRIJET_STORE_COMPACTED' })
    await assert.rejects(take(store, { after: 11 }, 1), { code: 'TRIJET_STORE_COMPACTED' })
    const kept = await take(store, { after: 6 }, 4)
    assert.deepEqual(kept.map(show), ['7:a=7', '8:a=8', '9:a=9', '10:a=10'])
  })

  it('is not bothered by the end of history while it keeps up', { timeout: 60_000 }, async () => {
    const store = await open({ historyRevisionsMax: 4, compactEveryRevisions: 1 })
    const seen = take(store, { prefix: 'watched' }, 1)
    for (let i = 1; i <= 20; i++) {
      await store.commit([put('other', String(i))])
      await new Promise(setImmediate)
    }
    await store.commit([put('watched')])
    assert.deepEqual((await seen).map(show), ['21:watched=watched'])
  })
}

function leases(open: OpenStore): void {
  const longMs = storeLimits.leaseTtlMsMax
  const shortMs = 50

  it('deletes what is attached when it is not kept alive', { timeout: 60_000 }, async () => {
    const store = await open()
    const lease = await store.grant(shortMs)
    await store.commit([
      { kind: 'put', key: 'b', value: '1', lease },
      { kind: 'put', key: 'a', value: '1', lease },
      put('stays'),
    ])
    assert.deepEqual((await take(store, { after: 1 }, 1)).map(show), ['2:-a,-b'])
    assert.equal(await store.keepAlive(lease), false)
    assert.deepEqual(keysOf(await store.range('')), ['stays'])
  })

  it('lives on when it is kept alive', { timeout: 60_000 }, async () => {
    const store = await open()
    const kept = await store.grant(longMs)
    const lost = await store.grant(shortMs)
    await store.commit([{ kind: 'put', key: 'kept', value: '', lease: kept }])
    await store.commit([{ kind: 'put', key: 'lost', value: '', lease: lost }])
    assert.equal(await store.keepAlive(kept), true)
    assert.deepEqual((await take(store, { after: 2 }, 1)).map(show), ['3:-lost'])
    assert.deepEqual(keysOf(await store.range('')), ['kept'])
  })

  it('ends at once when it is revoked', async () => {
    const store = await open()
    const lease = await store.grant(longMs)
    await store.commit([{ kind: 'put', key: 'a', value: '', lease }])
    await store.revoke(lease)
    await store.revoke(lease)
    assert.equal(await store.get('a'), undefined)
    const late = store.commit([{ kind: 'put', key: 'b', value: '', lease }, put('c')])
    await assert.rejects(late, { code: 'TRIJET_STORE_LEASE' })
    assert.equal(await store.get('c'), undefined)
  })

  it('lets go of a key that is put anew without it', async () => {
    const store = await open()
    const lease = await store.grant(longMs)
    await store.commit([{ kind: 'put', key: 'a', value: '1', lease }])
    await store.commit([put('a', '2')])
    await store.revoke(lease)
    assert.equal(text((await store.get('a'))?.value), '2')
  })
}

function sizes(open: OpenStore): void {
  it('refuses values and commits that are too large, and keeps nothing of them', async () => {
    const store = await open()
    const tooLarge = new Uint8Array(storeLimits.valueBytesMax + 1)
    const large = new Uint8Array(storeLimits.valueBytesMax)
    const many = Array.from({ length: storeLimits.changesPerCommitMax + 1 }, (_, i) => put(`${i}`))
    for (const changes of [[put('a', tooLarge)], [put('a', large), put('b', large)], many]) {
      await assert.rejects(store.commit(changes), { code: 'TRIJET_STORE_SIZE' })
    }
    assert.equal((await store.range('')).revision, 0)
    await store.commit([put('a', large)])
  })

  it('refuses leases of no use', async () => {
    const store = await open()
    for (const ttlMs of [0, -1, NaN, storeLimits.leaseTtlMsMax + 1]) {
      await assert.rejects(store.grant(ttlMs), { code: 'TRIJET_STORE_SIZE' })
    }
  })
}

function keysOf(page: Page): string[] {
  return page.entries.map(({ key }) => key)
}

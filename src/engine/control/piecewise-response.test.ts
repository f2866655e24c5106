import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  listParts,
  objectParts,
  type Part,
  PiecewiseResponse,
  PieceSource,
} from './piecewise-response.ts'

/** Pieces of a source for which each value takes as long as half a piece may. */
function piecesOf(parts: Iterable<Part>): ReadableStream<Uint8Array> {
  let now = 0
  const source = new PieceSource(parts[Symbol.iterator](), () => (now += 1))
  return new ReadableStream(source, { highWaterMark: 0 })
}

test('lists and documents are written as JSON', async () => {
  const written = async (values: readonly unknown[]): Promise<unknown> =>
    new PiecewiseResponse(listParts(values)).json()
  for (const values of [[], [1], ['a', { b: [2] }, null]]) {
    assert.deepEqual(await written(values), values)
  }
  const parts: Part[] = ['{"all":', { json: [1] }, '}']
  const changed = new PiecewiseResponse(parts).map((value) => [value, 'x'])
  assert.equal(changed.headers.get('content-type'), 'application/json')
  assert.deepEqual(await changed.json(), { all: [[1], 'x'] })
})

test('everybody else has a turn between two pieces', async () => {
  const values = Array.from({ length: 100 }, (_, i) => i)
  let turns = 0
  let isOver = false
  const count = (): void => {
    turns += 1
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  const pieces: string[] = []
  for await (const piece of piecesOf(listParts(values))) pieces.push(Buffer.from(piece).toString())
  isOver = true
  assert.deepEqual(JSON.parse(pieces.join('')), values)
  assert.ok(pieces.length > 10, `${pieces.length}`)
  assert.ok(turns >= pieces.length - 1, `${turns} turns for ${pieces.length} pieces`)
})

test('turns that bring no text are gone through, and may be the last', async () => {
  function* parts(): Generator<Part, void, undefined> {
    for (let i = 0; i < 20; i += 1) yield undefined
    yield* objectParts([
      ['a', { json: 1 }],
      ['b', objectParts([])],
      ['c', objectParts([['d', { json: [2] }]])],
    ])
    for (let i = 0; i < 20; i += 1) yield undefined
  }
  const pieces: string[] = []
  for await (const piece of piecesOf(parts())) pieces.push(Buffer.from(piece).toString())
  assert.ok(!pieces.includes(''))
  assert.deepEqual(JSON.parse(pieces.join('')), { a: 1, b: {}, c: { d: [2] } })
  let turns = 0
  const endless = {
    [Symbol.iterator]: () => endless,
    next: () => ({
      done: false as const,
      value: (turns += 1) > 1_000 ? assert.fail('goes on') : '',
    }),
    return: () => ({ done: true as const, value: undefined }),
  }
  const reader = piecesOf(endless).getReader()
  const nothing = reader.read()
  await reader.cancel()
  assert.deepEqual(await nothing, { done: true, value: undefined })
})

test('nothing is worked out before it is asked for, nor after the reader has gone', async () => {
  let made = 0
  function* values(): Generator<number, void, undefined> {
    try {
      for (;;) yield (made += 1)
    } finally {
      made = -1
    }
  }
  const reader = piecesOf(listParts(values())).getReader()
  assert.equal(made, 0)
  await reader.read()
  const first = made
  assert.ok(first > 0 && first < 10, `${first}`)
  await reader.read()
  assert.ok(made > first)
  await reader.cancel()
  assert.equal(made, -1)
})

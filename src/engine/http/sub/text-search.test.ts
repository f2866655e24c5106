/** Searching texts in pieces finds what searching the whole does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../../../test/support/random.ts'
import { TextSearch } from './text-search.ts'

/** Replaces by hand: at each place the first text that fits. */
function replaceNaively(haystack: string, texts: readonly string[]): string {
  let out = ''
  for (let at = 0; at < haystack.length;) {
    const index = texts.findIndex(
      (text) => haystack.slice(at, at + text.length).toLowerCase() === text.toLowerCase(),
    )
    if (index < 0) out += haystack[at++]
    else {
      out += `<${index}>`
      at += texts[index]!.length
    }
  }
  return out
}

/** As the filter does it: what is not decided waits for the next piece. */
function replaceInPieces(pieces: readonly string[], texts: readonly string[]): string {
  const search = new TextSearch(texts)
  let out = ''
  let held = ''
  for (const [i, piece] of pieces.entries()) {
    const haystack = held + piece
    const last = i === pieces.length - 1
    let at = 0
    for (;;) {
      const found = search.find(haystack, at)
      const unfinished = last ? haystack.length : search.unfinished(haystack, at)
      if (found === undefined || found.start >= unfinished) {
        out += haystack.slice(at, unfinished)
        held = haystack.slice(unfinished)
        break
      }
      out += `${haystack.slice(at, found.start)}<${found.index}>`
      at = found.end
    }
  }
  return out
}

test('pieces and the whole give the same', () => {
  const random = new Random(20261122)
  const word = (most: number): string =>
    Array.from(
      { length: 1 + random.integer(0, most - 1) },
      () => 'abAB'[random.integer(0, 3)]!,
    ).join('')
  for (let round = 0; round < 2000; round++) {
    const texts = Array.from({ length: 1 + random.integer(0, 2) }, () => word(4))
    const pieces = Array.from({ length: 1 + random.integer(0, 4) }, () => word(8))
    const expected = replaceNaively(pieces.join(''), texts)
    assert.equal(replaceInPieces(pieces, texts), expected, JSON.stringify({ texts, pieces }))
  }
})

test('signs of expressions stand for themselves, and only ASCII has cases', () => {
  assert.equal(replaceInPieces(['a.b+c*[d]'], ['.b+', '[D]']), 'a<0>c*<1>')
  assert.equal(new TextSearch(['\xe4']).find('\xc4', 0), undefined)
})

test('a piece that cannot become an occurrence is not held back', () => {
  const search = new TextSearch(['needle'])
  assert.equal(search.unfinished('hay', 0), 3)
  assert.equal(search.unfinished('a need', 0), 2)
  assert.equal(search.unfinished('a NEED', 0), 2)
})

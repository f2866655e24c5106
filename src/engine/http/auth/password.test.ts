import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { md5Crypt } from './md5-crypt.ts'
import { verifyPassword, type Verdict } from './password.ts'
import { parseUsers } from './user-file.ts'

function verify(password: string, stored: string): Promise<Verdict> {
  return new Promise((resolve) => {
    const verdict = verifyPassword(password, stored, resolve)
    if (verdict !== undefined) resolve(verdict)
  })
}

function openssl(scheme: string, salt: string, password: string): string {
  const args = ['passwd', `-${scheme}`, '-salt', salt, password]
  return execFileSync('openssl', args).toString().trim()
}

test('hashes of MD5 are those of openssl', () => {
  for (const password of ['', 'a', 'secret', 'a longer password than sixteen bytes', 'größe']) {
    for (const [scheme, magic] of [
      ['apr1', '$apr1$'],
      ['1', '$1$'],
    ] as const) {
      for (const salt of ['a', 'abcdefgh']) {
        const expected = openssl(scheme, salt, password)
        assert.equal(md5Crypt(password, `${magic}${salt}$anything`), expected)
      }
    }
  }
})

test('every scheme takes its password and no other', async () => {
  const stored = [
    '{PLAIN}secret',
    '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=',
    '{SSHA}+RFhsab2AfzZ0VfEdyknXtUT06RhYmNk',
    openssl('apr1', 'saltsalt', 'secret'),
    openssl('1', 'saltsalt', 'secret'),
    openssl('5', 'saltsalt', 'secret'),
    openssl('6', 'saltsalt', 'secret'),
  ]
  const salted = Buffer.from(stored[2]!.slice(6), 'base64')
  assert.equal(salted.subarray(20).toString(), 'abcd')
  for (const one of stored) {
    // Twice: the second time the answer may be remembered.
    for (const round of [1, 2]) {
      assert.equal(await verify('secret', one), 'match', `${one}, round ${round}`)
      assert.equal(await verify('secres', one), 'mismatch', one)
      assert.equal(await verify('', one), 'mismatch', one)
    }
  }
})

test('a hash of no known form matches nothing', async () => {
  for (const stored of ['', '*', 'secret', '{SHA}', '{SSHA}x', '$9$salt$hash', '{MD5}x']) {
    assert.notEqual(await verify('secret', stored), 'match', stored)
  }
})

test('many slow hashes at once are all answered', async () => {
  const stored = openssl('5', 'another', 'right')
  const guesses = Array.from({ length: 20 }, (_, i) => (i === 7 ? 'right' : `wrong${i}`))
  const verdicts = await Promise.all(guesses.map((guess) => verify(guess, stored)))
  assert.deepEqual(
    verdicts.flatMap((verdict, i) => (verdict === 'match' ? [i] : [])),
    [7],
  )
})

test('lines of a file of users', () => {
  const users = parseUsers(
    '# a comment: x\nann:one\nbob:two:with a comment\r\nann:late\nnobody\n:x\ncy:three\r',
  )
  assert.deepEqual(
    [...users],
    [
      ['ann', 'one'],
      ['bob', 'two'],
      ['', 'x'],
      ['cy', 'three'],
    ],
  )
})

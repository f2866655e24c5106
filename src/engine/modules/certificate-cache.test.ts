import assert from 'node:assert/strict'
import { utimesSync } from 'node:fs'
import { test } from 'node:test'
import { certificateFor } from '../../../test/support/certificates.ts'
import { makeTempPrefix } from '../../../test/support/temp-prefix.ts'
import { type TlsContextOptions, TlsContexts } from '../net/tls/tls-contexts.ts'
import { CertificateCache } from './certificate-cache.ts'

function optionsOf(certificate: string, key: string): TlsContextOptions {
  return {
    certificates: [{ certificate, key }],
    protocols: ['TLSv1.3'],
    ciphers: 'DEFAULT',
  }
}

test('without a cache a file that changed is taken up at once', (t) => {
  const { cert, keyFile } = certificateFor('one.test')
  const path = makeTempPrefix(t).write('one.pem', cert)
  const cache = new CertificateCache(new TlsContexts(), undefined)
  const before = cache.get(optionsOf(path, keyFile))
  assert.equal(cache.get(optionsOf(path, keyFile)), before)
  utimesSync(path, 1, 1)
  assert.notEqual(cache.get(optionsOf(path, keyFile)), before)
})

test('with one, when its time is over', (t) => {
  const { cert, keyFile } = certificateFor('one.test')
  const path = makeTempPrefix(t).write('one.pem', cert)
  let now = 0
  const conf = { max: 2, inactiveMs: 10_000, validMs: 1000 }
  const cache = new CertificateCache(new TlsContexts(), conf, () => now)
  const before = cache.get(optionsOf(path, keyFile))
  utimesSync(path, 1, 1)
  now = 999
  assert.equal(cache.get(optionsOf(path, keyFile)), before)
  now = 1000
  assert.notEqual(cache.get(optionsOf(path, keyFile)), before)
})

test('a certificate that cannot be loaded is told of, and tried again', (t) => {
  const { cert, keyFile } = certificateFor('one.test')
  const prefix = makeTempPrefix(t)
  const conf = { max: 2, inactiveMs: 10_000, validMs: 1000 }
  const cache = new CertificateCache(new TlsContexts(), conf)
  const options = optionsOf(prefix.file('late.pem'), keyFile)
  assert.throws(() => cache.get(options), /cannot load certificate/)
  prefix.write('late.pem', cert)
  assert.ok(cache.get(options))
})

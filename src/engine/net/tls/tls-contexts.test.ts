import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { utimesSync } from 'node:fs'
import { test } from 'node:test'
import { certificateFor } from '../../../../test/support/certificates.ts'
import { makeTempPrefix } from '../../../../test/support/temp-prefix.ts'
import { ConfError } from '../../conf/diagnostics.ts'
import { TlsContexts, type TlsContextOptions } from './tls-contexts.ts'

const { certFile, keyFile, cert, key } = certificateFor('a.example')
const ecdsa = certificateFor('a.example', 'ecdsa')

const base: TlsContextOptions = {
  certificates: [{ certificate: certFile, key: keyFile }],
  protocols: ['TLSv1.2', 'TLSv1.3'],
  ciphers: 'HIGH:!aNULL:!MD5',
}

test('equal settings share one context, whatever server they stand in', () => {
  const contexts = new TlsContexts()
  assert.equal(contexts.get(base), contexts.get({ ...base, certificates: [...base.certificates] }))
  assert.notEqual(contexts.get(base), contexts.get({ ...base, sessionTickets: false }))
  assert.equal(contexts.size, 2)
})

test('a file that changed makes a new context', (t) => {
  const contexts = new TlsContexts()
  const certificate = makeTempPrefix(t).write('a.pem', cert)
  const options = { ...base, certificates: [{ certificate, key: keyFile }] }
  const before = contexts.get(options)
  assert.equal(contexts.get(options), before)
  utimesSync(certificate, 1, 1)
  assert.notEqual(contexts.get(options), before)
})

test('takes PEM in place of paths, two key types, and lists of old', () => {
  const contexts = new TlsContexts()
  contexts.get({
    ...base,
    certificates: [
      { certificate: `data:${cert}`, key: `data:${key}` },
      { certificate: ecdsa.certFile, key: ecdsa.keyFile },
    ],
    protocols: ['TLSv1', 'TLSv1.1', 'TLSv1.2'],
    ciphers: 'EECDH+CHACHA20:EECDH+CHACHA20-draft:EECDH+AES128:RSA+AES128:RSA+3DES:!MD5',
    ecdhCurve: 'X25519:prime256v1',
    preferServerCiphers: true,
    sessionTimeoutSeconds: 600,
    authorities: [certFile],
  })
})

test('opens an encrypted key with one of the passwords', (t) => {
  const contexts = new TlsContexts()
  const prefix = makeTempPrefix(t)
  const locked = prefix.file('locked.key')
  const args = ['rsa', '-aes256', '-in', keyFile, '-passout', 'pass:third', '-out', locked]
  execFileSync('openssl', args, { stdio: 'pipe' })
  const certificates = [{ certificate: certFile, key: locked }]
  const passwordFile = prefix.write('passwords', 'first\nsecond\nthird\n')
  contexts.get({ ...base, certificates, passwordFile })
  assert.throws(
    () => contexts.get({ ...base, certificates, passwordFile: prefix.write('bad', 'first\n') }),
    /^ConfError: cannot load certificate key ".*locked\.key": PEM_read_bio_PrivateKey\(\) failed \(SSL: error:.*bad decrypt/,
  )
})

/** What `nginx -t` of OpenSSL 3 prints. */
const faults: Readonly<Record<string, readonly [Partial<TlsContextOptions>, string]>> = {
  'a certificate that is not there': [
    { certificates: [{ certificate: '/nope.pem', key: keyFile }] },
    'cannot load certificate "/nope.pem": BIO_new_file() failed (SSL: error:80000002:system library::No such file or directory:calling fopen(/nope.pem, r) error:10000080:BIO routines::no such file)',
  ],
  'a key that is not there': [
    { certificates: [{ certificate: certFile, key: '/nope.key' }] },
    'cannot load certificate key "/nope.key": BIO_new_file() failed (SSL: error:80000002:system library::No such file or directory:calling fopen(/nope.key, r) error:10000080:BIO routines::no such file)',
  ],
  'a certificate that is none': [
    { certificates: [{ certificate: 'data:junk', key: keyFile }] },
    'cannot load certificate "data:...": PEM_read_bio_X509_AUX() failed (SSL: error:0480006C:PEM routines::no start line:Expecting: TRUSTED CERTIFICATE)',
  ],
  'a key that is none': [
    { certificates: [{ certificate: certFile, key: 'data:junk' }] },
    'cannot load certificate key "data:...": PEM_read_bio_PrivateKey() failed (SSL: error:1E08010C:DECODER routines::unsupported:No supported data to decode. Input type: PEM)',
  ],
  'a key of another certificate': [
    { certificates: [{ certificate: certFile, key: certificateFor('b.example').keyFile }] },
    `SSL_CTX_use_PrivateKey("${certificateFor('b.example').keyFile}") failed (SSL: error:05800074:x509 certificate routines::key values mismatch)`,
  ],
  'unknown ciphers': [
    { ciphers: 'nonsense' },
    'SSL_CTX_set_cipher_list("nonsense") failed (SSL: error:0A0000B9:SSL routines::no cipher match)',
  ],
  'an unknown curve': [{ ecdhCurve: 'nonsense' }, 'SSL_CTX_set1_curves_list("nonsense") failed'],
  'authorities that are not there': [
    { authorities: ['/nope'] },
    'SSL_CTX_load_verify_locations("/nope") failed (SSL: error:80000002:system library::No such file or directory:calling fopen(/nope, r) error:10000080:BIO routines::no such file error:05880002:x509 certificate routines::system lib)',
  ],
  'a revocation list that is none': [
    { revocations: certFile },
    `X509_LOOKUP_load_file("${certFile}") failed (SSL: error:05800088:x509 certificate routines::no certificate or crl found)`,
  ],
  'Diffie-Hellman parameters that are none': [
    { dhparam: certFile },
    `PEM_read_bio_DHparams("${certFile}") failed (SSL: error:0480006C:PEM routines::no start line:Expecting: DH PARAMETERS)`,
  ],
  'a password file that is not there': [
    { passwordFile: '/nope' },
    'open() "/nope" failed (2: No such file or directory)',
  ],
}

for (const [name, [options, message]] of Object.entries(faults)) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => new TlsContexts().get({ ...base, ...options }),
      (error) => {
        assert.ok(error instanceof ConfError)
        assert.equal(error.message, message)
        return true
      },
    )
  })
}

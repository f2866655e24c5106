/** OCSP stapling: answers from a file, and from a responder that is asked. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readFileSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import { after, before, test } from 'node:test'
import { certificateAuthority, certificateFor } from '../support/certificates.ts'
import { freePorts } from '../support/ports.ts'
import { run } from '../support/process.ts'
import { onEnd, Scope } from '../support/scope.ts'
import { makeTempPrefix } from '../support/temp-prefix.ts'
import { until } from '../support/wait.ts'
import { type HttpRunner, startHttp } from './support.ts'

const scope = new Scope()
const site = certificateFor('staple.test')
const revoked = certificateFor('revoked.test')
const authority = certificateAuthority()
const folder = makeTempPrefix(scope)
const [fromFile, fromResponder, ofRevoked, silent, nobody] = (await freePorts(5)) as [
  number,
  number,
  number,
  number,
  number,
]

/** One line of openssl's list of what an authority has issued. */
function issued(certificate: string, state: 'V' | 'R'): string {
  const { serialNumber, subject } = new X509Certificate(certificate)
  const when = state === 'R' ? '260101000000Z' : ''
  return `${state}\t301231235959Z\t${when}\t${serialNumber}\tunknown\t/${subject}\n`
}

const index = folder.write('index', issued(site.cert, 'V') + issued(revoked.cert, 'R'))

/** The authority's answer to a question. */
async function answerTo(question: Buffer): Promise<Buffer> {
  const [asked, answer] = [folder.write('question', question), folder.file('answer')]
  const { certFile, keyFile } = authority
  await run([
    ...(['openssl', 'ocsp', '-index', index, '-CA', certFile] as const),
    ...['-rsigner', certFile, '-rkey', keyFile, '-reqin', asked, '-respout', answer],
    ...['-ndays', '1'],
  ])
  return readFileSync(answer)
}

async function startResponder(): Promise<string> {
  const responder = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      void answerTo(Buffer.concat(parts)).then((answer) => {
        response.writeHead(200, { 'content-type': 'application/ocsp-response' })
        response.end(answer)
      })
    })
  })
  responder.listen(0, '127.0.0.1')
  await new Promise((resolve) => responder.once('listening', resolve))
  onEnd(scope, () => void responder.close())
  return `http://127.0.0.1:${(responder.address() as AddressInfo).port}/`
}

let engine: HttpRunner

before(async () => {
  const [question, fixed] = [folder.file('fixed-question'), folder.file('fixed.der')]
  const { certFile, keyFile } = authority
  const who = ['-issuer', certFile, '-cert', site.certFile]
  await run(['openssl', 'ocsp', ...who, '-reqout', question, '-no_nonce'])
  await run([
    ...(['openssl', 'ocsp', '-index', index, '-CA', certFile] as const),
    ...['-rsigner', certFile, '-rkey', keyFile, '-reqin', question, '-respout', fixed],
    ...['-ndays', '1'],
  ])
  const url = await startResponder()
  const trusted = 'ssl_stapling on; ssl_stapling_verify on; ssl_trusted_certificate ca.crt;'
  engine = await startHttp(
    scope,
    `access_log off;
    server { listen 127.0.0.1:${fromFile} ssl; ssl_certificate site.crt; ssl_certificate_key site.key;
      ssl_stapling on; ssl_stapling_file ${fixed}; ssl_trusted_certificate ca.crt; return 200 ok; }
    server { listen 127.0.0.1:${fromResponder} ssl; ssl_certificate site.crt; ssl_certificate_key site.key;
      ${trusted} ssl_stapling_responder ${url}; return 200 ok; }
    server { listen 127.0.0.1:${ofRevoked} ssl; ssl_certificate revoked.crt; ssl_certificate_key revoked.key;
      ${trusted} ssl_stapling_responder ${url}; return 200 ok; }
    server { listen 127.0.0.1:${silent} ssl; ssl_certificate site.crt; ssl_certificate_key site.key;
      ${trusted} ssl_stapling_responder http://127.0.0.1:1/; return 200 ok; }
    server { listen 127.0.0.1:${nobody} ssl; ssl_certificate site.crt; ssl_certificate_key site.key;
      ssl_stapling on; return 200 ok; }`,
    {
      'conf/site.crt': site.cert,
      'conf/site.key': site.key,
      'conf/revoked.crt': revoked.cert,
      'conf/revoked.key': revoked.key,
      'conf/ca.crt': authority.cert,
    },
  )
})
after(() => scope.close())

async function statusAt(port: number): Promise<string> {
  const { stdout } = await run(
    ['openssl', 's_client', '-connect', `127.0.0.1:${port}`, '-status', '-no_ign_eof'],
    { input: 'Q\n' },
  )
  return stdout
}

test('the answer of a file', async () => {
  assert.match(await statusAt(fromFile), /Cert Status: good/)
})

test('the answer of a responder, from the second client on', async () => {
  assert.match(await statusAt(fromResponder), /OCSP response: no response sent/)
  const later = await until(async () => {
    const output = await statusAt(fromResponder)
    return output.includes('Cert Status: good') ? output : undefined
  })
  assert.match(later, /OCSP Response Status: successful/)
})

test('a certificate that was revoked is shown without an answer, and the log says why', async () => {
  await statusAt(ofRevoked)
  await until(() => engine.errorLog.includes('certificate status "revoked"'))
  assert.match(await statusAt(ofRevoked), /OCSP response: no response sent/)
})

test('a responder that cannot be reached does no harm', async () => {
  assert.match(await statusAt(silent), /OCSP response: no response sent/)
  await until(() => engine.errorLog.includes('while requesting certificate status'))
})

test('a certificate without responder and issuer is warned of', async () => {
  assert.match(
    engine.warnings.join('\n'),
    /"ssl_stapling" ignored, issuer certificate not found for certificate ".*site\.crt"/,
  )
  assert.match(await statusAt(nobody), /OCSP response: no response sent/)
})

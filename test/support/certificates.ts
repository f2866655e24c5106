/**
 * Certificates made by openssl once per test process: one authority, and leaves by name and key type.
 */
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type KeyType = 'rsa' | 'ecdsa'

/** Paths of PEM files, and their content. */
export interface Certificate {
  readonly certFile: string
  readonly keyFile: string
  readonly cert: string
  readonly key: string
  /** As peers tell it: hexadecimal digits. */
  readonly serial: string
}

const keyOptions = {
  rsa: ['-newkey', 'rsa:2048'],
  ecdsa: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
} as const satisfies Record<KeyType, readonly string[]>

const made = new Map<string, Certificate>()
let folderPath: string | undefined

/** The authority that signed every leaf of this process; `certFile` is what a client trusts. */
export function certificateAuthority(): Certificate {
  return cached('authority', () => [
    ...keyOptions.ecdsa,
    '-subj',
    '/CN=Trijet test authority',
    '-addext',
    'basicConstraints=critical,CA:TRUE',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
  ])
}

/** A certificate for the names (the first is the subject; addresses may be among them). */
export function certificateFor(
  names: string | readonly string[],
  type: KeyType = 'rsa',
): Certificate {
  const list = typeof names === 'string' ? [names] : names
  const authority = certificateAuthority()
  const alternatives = list.map((name) => `${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`)
  return cached(`${type} ${list.join(' ')}`, () => [
    ...keyOptions[type],
    '-subj',
    `/CN=${list[0]!}`,
    '-addext',
    `subjectAltName=${alternatives.join(',')}`,
    '-addext',
    'basicConstraints=critical,CA:FALSE',
    '-CA',
    authority.certFile,
    '-CAkey',
    authority.keyFile,
  ])
}

/** What the authority has revoked, as a file and as text. */
export function revocationListOf(revoked: readonly Certificate[]): {
  readonly file: string
  readonly text: string
} {
  const { certFile, keyFile } = certificateAuthority()
  const base = join(folder(), `list-${++listsMade}`)
  const entries = revoked.map(
    ({ serial }) => `R\t491231235959Z\t250101000000Z\t${serial}\tunknown\t/CN=revoked\n`,
  )
  writeFileSync(`${base}.txt`, entries.join(''))
  writeFileSync(`${base}.cnf`, listConf(base))
  const file = `${base}.crl.pem`
  const signer = ['-cert', certFile, '-keyfile', keyFile]
  const command = ['ca', '-config', `${base}.cnf`, '-gencrl', ...signer, '-out', file]
  execFileSync('openssl', command, { stdio: 'pipe' })
  return { file, text: readFileSync(file, 'utf8') }
}

let listsMade = 0

function listConf(base: string): string {
  return [
    '[ca]',
    'default_ca = authority',
    '[authority]',
    `database = ${base}.txt`,
    'default_md = sha256',
    'default_crl_days = 3',
    '',
  ].join('\n')
}

function cached(id: string, options: () => readonly string[]): Certificate {
  const known = made.get(id)
  if (known !== undefined) return known
  const base = join(folder(), String(made.size))
  const [certFile, keyFile] = [`${base}.crt.pem`, `${base}.key.pem`]
  const output = ['-keyout', keyFile, '-out', certFile]
  execFileSync(
    'openssl',
    ['req', '-x509', '-nodes', '-sha256', '-days', '3', ...options(), ...output],
    { stdio: 'pipe' },
  )
  const cert = readFileSync(certFile, 'utf8')
  const { serialNumber: serial } = new X509Certificate(cert)
  const certificate = { certFile, keyFile, cert, key: readFileSync(keyFile, 'utf8'), serial }
  made.set(id, certificate)
  return certificate
}

function folder(): string {
  if (folderPath !== undefined) return folderPath
  const path = mkdtempSync(join(tmpdir(), 'trijet-test-certs-'))
  process.once('exit', () => rmSync(path, { recursive: true, force: true }))
  folderPath = path
  return path
}

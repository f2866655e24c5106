import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { Passwords } from './passwords.ts'

const folder = mkdtempSync(join(tmpdir(), 'trijet-passwords-'))
after(() => rmSync(folder, { recursive: true, force: true }))

async function verify(passwords: Passwords, user: string, password: string): Promise<boolean> {
  return passwords.verify(user, Buffer.from(password))
}

describe('password file', () => {
  it('is read as mosquitto_passwd writes it', async () => {
    const file = join(folder, 'new')
    writeFileSync(file, '')
    execFileSync('mosquitto_passwd', ['-b', file, 'ctrl', 'secret'])
    execFileSync('mosquitto_passwd', ['-b', file, 'worker', '密码'])
    const passwords = new Passwords(file)
    assert.equal(await verify(passwords, 'ctrl', 'secret'), true)
    assert.equal(await verify(passwords, 'worker', '密码'), true)
    for (const [user, password] of [
      ['ctrl', 'Secret'],
      ['ctrl', ''],
      ['worker', 'secret'],
      ['x', ''],
    ]) {
      assert.equal(await verify(passwords, user!, password!), false)
    }
  })

  it('may hold the older kind of hash', async () => {
    const salt = Buffer.from('salt of 1.x')
    const hash = createHash('sha512').update('secret').update(salt).digest('base64')
    const file = join(folder, 'old')
    writeFileSync(file, `# users\nctrl:$6$${salt.toString('base64')}$${hash}\n`)
    const passwords = new Passwords(file)
    assert.equal(await verify(passwords, 'ctrl', 'secret'), true)
    assert.equal(await verify(passwords, 'ctrl', 'other'), false)
  })

  it('is refused when a line is not understood', () => {
    const file = join(folder, 'bad')
    for (const line of [
      'ctrl:secret',
      'ctrl:$5$a$b',
      'ctrl:$7$x$y$z',
      'ctrl:$7$99999999999$c2FsdA==$aGFzaA==',
    ]) {
      writeFileSync(file, `# users\n${line}\n`)
      assert.throws(() => new Passwords(file), { message: `invalid password line in ${file}:2` })
    }
  })
})

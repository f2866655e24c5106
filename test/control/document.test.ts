/** The examples of `docs/control.md` do what is written beneath them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort } from '../support/ports.ts'
import { run } from '../support/process.ts'
import { launcher } from '../support/trijet.ts'
import { host, startControl } from './support.ts'

const patient = { timeout: 120_000 }
const path = fileURLToPath(new URL('../../docs/control.md', import.meta.url))

interface Example {
  readonly command: string
  readonly output: string
}

function examplesOf(text: string): readonly Example[] {
  const blocks = text.matchAll(/```sh\n([^]*?)```\n\n```text\n([^]*?)```/g)
  return [...blocks].map(([, command = '', output = '']) => ({ command, output }))
}

/** What is different each time is written as three dots. */
function patternOf(output: string): RegExp {
  return new RegExp(`^${output.split('…').map(RegExp.escape).join('[^\\n]*')}$`)
}

test('every example is followed by what it prints', () => {
  const text = readFileSync(path, 'utf8')
  const examples = examplesOf(text)
  assert.equal(examples.length, text.match(/```sh\n/g)?.length)
  assert.ok(examples.length >= 5)
})

test('the examples of the document about control', patient, async (t) => {
  const control = await startControl(t, {
    stream: `server { listen ${host}:${await freePort()}; return fixed; }`,
  })
  const address = `${host}:${control.port}`
  const env = { PATH: `${dirname(launcher)}:${process.env['PATH']}` }
  for (const { command, output } of examplesOf(readFileSync(path, 'utf8'))) {
    const script = command.replaceAll('127.0.0.1:8081', address)
    const { code, stdout, stderr } = await run(['bash', '-e', '-o', 'pipefail', '-c', script], {
      cwd: control.prefix.path,
      env,
    })
    assert.equal(code, 0, `${script}\n${stdout}\n${stderr}`)
    assert.match(stdout.trimEnd(), patternOf(output.trimEnd()), script)
  }
})

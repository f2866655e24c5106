import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { configurationFromText } from '../conf/includes.ts'
import { builtInModules } from './built-ins.ts'
import { type LoadedModules, loadModules } from './load-module.ts'

function load(text: string, prefix = '/nowhere'): Promise<LoadedModules> {
  return loadModules(configurationFromText(text, 'test.conf').main, prefix)
}

function prefixWith(t: TestContext, name: string, text: string): string {
  const prefix = mkdtempSync(join(tmpdir(), 'trijet-modules-'))
  t.after(() => rmSync(prefix, { recursive: true }))
  writeFileSync(join(prefix, name), text)
  return prefix
}

test('without load_module there is what need not be loaded', async () => {
  const { modules, diagnostics } = await load('events {}')
  assert.deepEqual(diagnostics, [])
  assert.deepEqual(
    modules.map(({ id }) => id),
    builtInModules.filter(({ mustBeLoaded }) => mustBeLoaded !== true).map(({ id }) => id),
  )
})

const names: readonly string[] = [
  'modules/njt_stream_dyn_server_module.so',
  '/usr/local/njet/modules/njt_http_sendmsg_module.so',
  'modules/njt_ctrl_config_api_module.so',
  'modules/njt_http_location_api_module.so',
  'modules/njt_doc_module.so',
  'njt_stream_dyn_server_api_module.so',
  'modules/ngx_stream_module.so',
]

for (const name of names) {
  test(`${name} is built in`, async () => {
    const { diagnostics } = await load(`load_module ${name};`)
    assert.deepEqual(diagnostics, [])
  })
}

test('a file brings the module that it exports', async (t) => {
  const text = `export const module = { kind: 'module', id: 'demo', directives: {} }`
  const prefix = prefixWith(t, 'demo.ts', text)
  const { modules, diagnostics } = await load('load_module demo.ts;', prefix)
  assert.deepEqual(diagnostics, [])
  assert.equal(modules.at(-1)!.id, 'demo')
})

test('faults are told in the words of a loader, with their place', async (t) => {
  const prefix = prefixWith(t, 'broken.ts', `throw new Error('broken')`)
  writeFileSync(join(prefix, 'other.ts'), 'export const other = 1')
  const text = `load_module nothing.so;
    load_module broken.ts;
    load_module other.ts;
    load_module no-such-package-of-that-name;
    events {}
    load_module other.ts;`
  const { diagnostics } = await load(text, prefix)
  const [nothing, broken, other, missing, late] = diagnostics.map(({ message }) => message)
  const reason = 'cannot open shared object file: No such file or directory'
  assert.equal(nothing, `dlopen() "${prefix}/nothing.so" failed (${prefix}/nothing.so: ${reason})`)
  assert.equal(broken, `dlopen() "${prefix}/broken.ts" failed (broken)`)
  assert.equal(other, 'module "other.ts" has no export "module"')
  assert.match(missing!, /^dlopen\(\) ".*no-such-package-of-that-name" failed/)
  assert.equal(late, '"load_module" directive is specified too late')
  assert.deepEqual(
    diagnostics.map(({ at }) => at!.line),
    [1, 2, 3, 4, 6],
  )
})

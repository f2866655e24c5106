/** The page to try the interface, in a browser. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrowserPage } from '../support/browser.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/wait.ts'
import { host, startControl } from './support.ts'

/** An operation of the page: its fields, what it sends, and what it was told. */
const operation = (method: string, path: string): string => `
  const row = [...document.querySelectorAll('details')].find((one) =>
    one.querySelector('b').textContent === '${method}' &&
    one.querySelector('code').textContent === '${path}')
  const [answer] = row.querySelectorAll('pre')`

test('lists what there is and tries it, and asks nobody else', { timeout: 120_000 }, async (t) => {
  const control = await startControl(t, {
    stream: `server { listen ${host}:${await freePort()}; return fixed; }`,
    controlServer: 'location /api { dyn_module_api; } location /doc { doc_api; }',
  })
  const origin = `http://${host}:${control.port}`
  const page = await BrowserPage.open(t)
  const shown = (script: string): Promise<string> => page.evaluate(`(() => {${script}})()`)
  const answered = (method: string, path: string): Promise<string> =>
    until(
      async () => {
        const text = await shown(`${operation(method, path)}; return answer.textContent`)
        return /^\d{3} /.test(text) && text
      },
      { what: `an answer to ${method} ${path} on the page` },
    )

  await page.goTo(`${origin}/doc/`)
  const count = `return document.querySelectorAll('details').length`
  const { paths } = await control.get<{ paths: Record<string, object> }>(t, '/doc/openapi.json')
  const expected = Object.values(paths).flatMap((methods) => Object.keys(methods)).length
  await until(async () => Number(await shown(count)) === expected, {
    what: `${expected} operations on the page`,
  })

  await shown(`${operation('POST', '/api/v1/kv')}
    row.open = true
    row.querySelector('textarea').value = '{"key":"tried","value":"in a browser"}'
    row.querySelector('button').click()`)
  assert.match(await answered('POST', '/api/v1/kv'), /^200 /)
  await shown(`${operation('GET', '/api/v1/kv')}
    row.querySelector('input').value = 'tried'
    row.querySelector('button').click()`)
  assert.match(await answered('GET', '/api/v1/kv'), /^200 .*\n\nin a browser$/)
  assert.equal(
    await shown(`${operation('GET', '/api/v1/kv')}
      row.open = true
      return String(answer.getBoundingClientRect().height > 0)`),
    'true',
    'it can be seen',
  )

  assert.deepEqual(page.complaints, [])
  const outside = page.requested.filter((url) => !url.startsWith(`${origin}/`))
  assert.deepEqual(outside, [])
  assert.ok(page.requested.includes(`${origin}/api/v1/kv?key=tried`))
})

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
// @ts-expect-error: the suite is shipped without types.
import abstractSuite from 'aedes-persistence/abstract.js'
import { SqlitePersistence } from './sqlite-persistence.ts'

const folder = mkdtempSync(join(tmpdir(), 'trijet-broker-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let files = 0

abstractSuite({
  test,
  testAsync: true,
  persistence: () => new SqlitePersistence({ path: join(folder, `${++files}.db`) }),
})

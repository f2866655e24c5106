/**
 * Part of `sqlite-store.test.ts`: a process that writes, tells what is durable, and may be killed.
 */
import { writeSync } from 'node:fs'
import { SqliteStore } from './sqlite-store.ts'

const [path = '', name = '', count = '0'] = process.argv.slice(2)
const store = new SqliteStore(path)
for (let i = 0; i < Number(count); i++) {
  store.commitSync([
    { kind: 'put', key: `${name}/${i}`, value: String(i) },
    { kind: 'put', key: `last/${name}`, value: String(i) },
  ])
  writeSync(1, `${i}\n`)
}
await store.close()

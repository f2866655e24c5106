import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  createInstance,
  findShared,
  openShared,
  removeInstance,
  removeStale,
} from './shared-memory.ts'

const linux = process.platform === 'linux' && existsSync('/dev/shm')
const instance = createInstance(`/test/${process.pid}`)

function segments(): readonly string[] {
  return readdirSync('/dev/shm').filter((file) => file.startsWith(`trijet.${instance}.`))
}

test('two openings of one name see the same bytes', { skip: !linux && 'needs /dev/shm' }, (t) => {
  t.after(() => removeInstance(instance))
  const first = openShared({ instance, name: 'a', bytes: 4096 })
  const second = openShared({ instance, name: 'a', bytes: 4096 })
  const other = openShared({ instance, name: 'b', bytes: 4096 })
  assert.equal(first.shared, true)
  new Int32Array(first.buffer)[7] = 42
  assert.equal(new Int32Array(second.buffer)[7], 42)
  assert.equal(new Int32Array(other.buffer)[7], 0)
  first.remove()
  const fresh = openShared({ instance, name: 'a', bytes: 4096 })
  assert.equal(new Int32Array(fresh.buffer)[7], 0, 'a removed name begins anew')
  first.close()
  second.close()
  assert.equal(new Int32Array(second.buffer)[7], 42, 'a view outlives close')
})

test('what is found was made by somebody', { skip: !linux && 'needs /dev/shm' }, (t) => {
  t.after(() => removeInstance(instance))
  const options = { instance, name: 'found', bytes: 4096 }
  assert.equal(findShared(options), undefined)
  const made = openShared(options)
  const found = findShared(options)!
  new Int32Array(made.buffer)[3] = 7
  assert.equal(new Int32Array(found.buffer)[3], 7)
  assert.equal(findShared({ ...options, bytes: 8192 }), undefined)
  assert.equal(found.isCurrent(), true)
  made.remove()
  assert.equal(found.isCurrent(), false)
  openShared(options)
  assert.equal(found.isCurrent(), false, 'another one has the name now')
})

test(
  'a segment is readable by its owner alone and goes with its instance',
  { skip: !linux && 'needs /dev/shm' },
  () => {
    openShared({ instance, name: 'odd/name with spaces and ü', bytes: 8192 })
    assert.equal(segments().length, 1)
    removeInstance(instance)
    assert.deepEqual(segments(), [])
  },
)

test(
  'a file that somebody else put there is refused',
  { skip: !linux && 'needs /dev/shm' },
  (t) => {
    t.after(() => removeInstance(instance))
    openShared({ instance, name: 'squatted', bytes: 4096 })
    const [file] = segments()
    removeInstance(instance)
    writeFileSync(`/dev/shm/${file}`, Buffer.alloc(4096), { mode: 0o644 })
    assert.throws(() => openShared({ instance, name: 'squatted', bytes: 4096 }), /not ours/)
  },
)

test(
  'more than the file system holds is an error, not a crash',
  { skip: !linux && 'needs /dev/shm' },
  () => {
    assert.throws(
      () => openShared({ instance, name: 'huge', bytes: 2 ** 46 }),
      /no room for "huge": \d+ bytes in \/dev\/shm \(\d+: /,
    )
    assert.deepEqual(segments(), [])
  },
)

test(
  'what a dead master left is removed, what a living one uses stays',
  { skip: !linux && 'needs /dev/shm' },
  (t) => {
    t.after(() => removeInstance(instance))
    openShared({ instance, name: 'alive', bytes: 4096 })
    const script = `
    import { createInstance, openShared } from ${JSON.stringify(import.meta.resolve('./shared-memory.ts'))}
    const instance = createInstance('/dead')
    openShared({ instance, name: 'left', bytes: 4096 })
    process.stdout.write(instance)`
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script])
    const left = child.stdout.toString()
    assert.match(left, /^[0-9a-f]+-\d+-\d+$/, child.stderr.toString())
    const isLeft = (file: string): boolean => file.startsWith(`trijet.${left}.`)
    assert.equal(readdirSync('/dev/shm').some(isLeft), true)
    assert.ok(removeStale() >= 1)
    assert.equal(readdirSync('/dev/shm').some(isLeft), false)
    assert.equal(segments().length, 1)
  },
)

test('no descriptor stays open behind a mapping', { skip: !linux && 'needs /dev/shm' }, (t) => {
  t.after(() => removeInstance(instance))
  const before = readdirSync('/proc/self/fd').length
  for (let i = 0; i < 8; i += 1) openShared({ instance, name: `fd${i}`, bytes: 4096 })
  assert.equal(readdirSync('/proc/self/fd').length, before)
  assert.match(readFileSync('/proc/self/maps', 'latin1'), /trijet\..*fd7/)
})

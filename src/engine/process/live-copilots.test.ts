import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placeEdit, placeRemoval } from '../control/place.ts'
import type { Edit, Instruction } from '../control/instruction.ts'
import type { Helper } from './copilot-pool.ts'
import { LiveCopilots } from './live-copilots.ts'
import type { ConfigurationFiles } from './messages.ts'
import { readTexts } from './read-configuration.ts'

const traced = { steps: [['http']], target: 'opentelemetry_config' } as const
const wanted: Edit = placeEdit(traced, 'opentelemetry_config otel.toml;')
const unwanted: Edit = placeEdit(traced, '')
const back: Edit = placeRemoval(traced)
const whole: Edit = placeEdit(
  { steps: [], target: 'http' },
  'http { opentelemetry_config a.toml; server { listen 81; } }',
)

function filesOf(text: string): ConfigurationFiles {
  return {
    entry: '/etc/trijet.conf',
    prefix: '/srv',
    globals: '',
    texts: { '/etc/trijet.conf': text },
  }
}

interface Bench {
  readonly live: LiveCopilots
  readonly tags: () => readonly string[]
  /** How often the master heard of a change. */
  readonly heard: () => number
  make(edits: readonly Edit[], end?: 'commit' | 'abort' | 'dry run'): Promise<void>
}

function start(text: string, instructions: readonly Instruction[] = []): Bench {
  let heard = 0
  const live = new LiveCopilots({
    prefix: '/srv',
    treeOf: (files) => readTexts(files).tree,
    instructions: () => instructions,
    onChange: () => (heard += 1),
  })
  live.start(filesOf(text))
  return {
    live,
    tags: () => live.beside([]).map(({ line }) => line.tag),
    heard: () => heard,
    make: async (edits, end = 'commit') => {
      await live.prepare({ edits }, end === 'dry run')
      if (end === 'commit') await live.commit()
      else if (end === 'abort') await live.abort()
    },
  }
}

test('a live change brings the copilot, and another one takes it away', async () => {
  const { tags, heard, make } = start('events {} http { server { listen 80; } }')
  assert.deepEqual(tags(), [])
  await make([wanted])
  assert.deepEqual(tags(), ['telemetry'])
  await make([back])
  assert.deepEqual(tags(), [])
  assert.equal(heard(), 2)
})

test('what is aborted or only tried changes nothing', async () => {
  const { tags, heard, make } = start('http {}')
  await make([wanted], 'abort')
  await make([wanted], 'dry run')
  // A commit of something else must not take along what was given up.
  await make([placeEdit({ steps: [['http']], target: 'gzip' }, 'gzip on;')])
  assert.deepEqual([tags(), heard()], [[], 0])
})

test('what the files have goes away live, and comes back', async () => {
  const { tags, make } = start('http { opentelemetry_config otel.toml; }')
  assert.deepEqual(tags(), ['telemetry'])
  await make([unwanted])
  assert.deepEqual(tags(), [])
  await make([back])
  assert.deepEqual(tags(), ['telemetry'])
})

test('a whole http block may bring it', async () => {
  const { tags, make } = start('events {}')
  await make([whole])
  assert.deepEqual(tags(), ['telemetry'])
})

test('what the journal has counts from the beginning, and on top of new files', async () => {
  const { key, body } = wanted
  const { live, tags, heard } = start('http {}', [{ key, body: body! }])
  assert.deepEqual(tags(), ['telemetry'])
  await live.prepare({ files: filesOf('http { gzip on; }'), edits: [] }, false)
  await live.commit()
  assert.deepEqual([tags(), heard()], [['telemetry'], 0], 'a reload takes it into use itself')
  await live.prepare({ files: filesOf('events {}'), edits: [] }, false)
  await live.commit()
  assert.deepEqual(tags(), [], 'an instruction that has no room is not in force')
})

test('where a helper line runs it, none is added', () => {
  const { live } = start('http { opentelemetry_config otel.toml; }')
  const written: Helper = {
    line: { tag: 'mine', module: 'modules/njt_helper_telemetry_module.so', conf: undefined },
    program: { kind: 'built-in', href: 'file:///x', ignoreReload: false },
    confFile: undefined,
    ignoreReload: false,
  }
  assert.deepEqual(live.beside([written]), [written])
})

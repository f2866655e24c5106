import assert from 'node:assert/strict'
import { test } from 'node:test'
import { directives, findDirective } from '../conf/block.ts'
import { configurationFromText } from '../conf/includes.ts'
import { print } from '../conf/printer.ts'
import type { Directive } from '../conf/tree.ts'
import { DynamicState } from './dynamic-state.ts'
import type { Edit } from './instruction.ts'
import { type Place, placeEdit, placeKey, placeRemoval, serverStep, standing } from './place.ts'
import { Refusal } from './refusal.ts'

const text = `events { worker_connections 512; }
http {
    gzip on;
    add_header X-A 1;
    upstream u { server 127.0.0.1:1; }
    add_header X-B 2;
    server {
        listen 80 default_server;
        server_name a www.a;
        location / { return 200 a; }
        location ~ x { return 201; }
    }
    server { listen 80; server_name b; location / { return 200 b; } }
}
`

function read(conf: string = text): Directive {
  const { main, diagnostics } = configurationFromText(conf, '/t/conf/trijet.conf')
  assert.deepEqual(diagnostics, [])
  return main
}

function start(conf?: string): DynamicState {
  return DynamicState.rebase(read(conf), [], '/t').state
}

function made(state: DynamicState, ...edits: Edit[]): DynamicState {
  return state.edit(state.complete(edits))
}

const http: Place['steps'] = [['http']]
const a = { server: '80', name: 'A' } as const
const b = { server: '*:80', name: 'b' } as const

function serverNode(state: DynamicState, name: string): Directive {
  return state.http.find({ protocol: 'tcp', host: '0.0.0.0', port: 80 }, name)!.node
}

test('one place has one key, however it is written, and the key is a topic', () => {
  const place = (server: string, name: string): Place => ({
    steps: [['http'], { server, name }, ['location', '~', '\\.php$ +#\0/']],
    target: 'expires',
  })
  const key = placeKey(place('80', 'a'))
  assert.equal(key, placeKey(place('0.0.0.0:80', 'A')))
  assert.notEqual(key, placeKey(place('81', 'a')))
  assert.match(key, /^\/dyn\/config\/http\/server@0\.0\.0\.0:80,a\/location,[^+#\0/]*\/expires$/)
  const long = placeKey({ steps: http, target: ['map', '$a', `$${'b'.repeat(5000)}`] })
  assert.ok(long.length < 200)
})

test('what is set stands where the old stood, and the old comes back', () => {
  const before = start()
  const place: Place = { steps: http, target: 'add_header' }
  const set = made(before, placeEdit(place, 'add_header X-C 3; add_header X-D 4;'))
  const shown = print(set.tree)
  assert.match(shown, /add_header X-C 3;\n    add_header X-D 4;\n    upstream u/)
  assert.ok(!shown.includes('X-B'))
  assert.deepEqual(
    standing(set, place).map(({ args }) => args[0]),
    ['X-C', 'X-D'],
  )
  const again = made(set, placeEdit(place, ''))
  assert.ok(!print(again.tree).includes('add_header'))
  assert.equal(print(made(again, placeRemoval(place)).tree), text)
})

test('what did not stand anywhere comes last in its block', () => {
  const place: Place = { steps: [...http, a], target: ['location', '/new'] }
  const state = made(start(), placeEdit(place, 'location /new { return 204; }'))
  const last = [...directives(serverNode(state, 'a').block!)].at(-1)
  assert.deepEqual(last?.args, ['/new'])
  assert.equal(
    state.http.find({ protocol: 'tcp', host: '0.0.0.0', port: 80 }, 'www.a')?.node,
    serverNode(state, 'a'),
  )
  assert.equal(print(made(state, placeRemoval(place)).tree), text)
})

test('unchanged subtrees stay the same objects, and equal ones take the place of new ones', () => {
  const before = start()
  const place: Place = { steps: [...http, a], target: ['location', '/'] }
  const state = made(before, placeEdit(place, 'location / { return 200 a; }'))
  assert.equal(serverNode(state, 'b'), serverNode(before, 'b'))
  assert.equal(
    findDirective(serverNode(state, 'a').block, 'location'),
    findDirective(serverNode(before, 'a').block, 'location'),
  )
  const server =
    'server { listen 80 default_server; server_name a www.a; location / { return 200 changed; } location ~ x { return 201; } }'
  const whole = made(before, placeEdit({ steps: http, target: a }, server))
  const [, , , regex] = [...directives(serverNode(whole, 'a').block!)]
  assert.equal(regex, [...directives(serverNode(before, 'a').block!)][3])
})

test('a server is added, replaced, taken away and put back', () => {
  const place: Place = { steps: http, target: { server: '8080', name: 'new' } }
  const before = start()
  const added = made(
    before,
    placeEdit(place, 'server { listen 8080; server_name new; return 200; }'),
  )
  const found = added.http.find({ protocol: 'tcp', host: '0.0.0.0', port: 8080 }, 'new')
  assert.deepEqual(found && serverStep(found), { server: '0.0.0.0:8080', name: 'new' })
  const gone = made(added, placeEdit({ steps: http, target: a }, ''))
  assert.equal(serverNode(gone, 'b'), serverNode(before, 'b'))
  assert.equal(gone.http.find({ protocol: 'tcp', host: '0.0.0.0', port: 80 }, 'www.a'), undefined)
  assert.equal(gone.http.fixedCount, 1)
  const back = made(gone, placeRemoval({ steps: http, target: a }), placeRemoval(place))
  assert.equal(print(back.tree), text)
  assert.equal(back.http.fixedCount, 2)
})

test('what lies within goes with what is set around it', () => {
  const inner: Place = {
    steps: [...http, { ...a, name: 'www.a' }, ['location', '/']],
    target: 'expires',
  }
  const state = made(start(), placeEdit(inner, 'expires 1h;'))
  const location: Place = { steps: [...http, a], target: ['location', '/'] }
  for (const edit of [
    placeEdit({ steps: http, target: a }, ''),
    placeEdit({ steps: http, target: a }, 'server { listen 80; server_name a; }'),
  ]) {
    assert.deepEqual(
      [...made(state, edit).instructions.entries()].map(([key]) => key),
      [edit.key],
    )
  }
  const other = placeEdit({ ...inner, steps: [...http, a, ['location', '/']] }, 'expires 2h;')
  const both = made(start(), other)
  assert.equal(made(both, placeEdit(location, 'location / { return 404; }')).instructions.size, 1)
})

test('what cannot be set is refused and changes nothing', () => {
  const state = made(start(), placeEdit({ steps: [...http, b], target: 'expires' }, 'expires 1h;'))
  const refused: readonly (readonly [Place, string, RegExp])[] = [
    [{ steps: [['stream']], target: 'tcp_nodelay' }, 'tcp_nodelay on;', /there is no stream/],
    [
      { steps: [...http, { server: '81', name: '' }], target: 'expires' },
      '',
      /there is no http > server 0\.0\.0\.0:81/,
    ],
    [{ steps: http, target: 'gzip' }, 'gzip on', /unexpected end of file/],
    [{ steps: http, target: 'gzip' }, 'expires 1h;', /stands elsewhere/],
    [{ steps: http, target: 'gzip' }, 'gzip on; } server { listen 1;', /unexpected "}"/],
    [{ steps: [...http, a], target: 'listen' }, 'listen 81;', /set the whole server/],
    [{ steps: [...http, a], target: 'server_name' }, '', /set the whole server/],
    [{ steps: http, target: 'server' }, '', /named by its address/],
    [{ steps: [], target: ['http'] }, '', /set what is in it/],
    [{ steps: http, target: a }, 'server { listen 81; server_name a; }', /is not http > server/],
    [
      { steps: http, target: a },
      'server { listen 80; server_name a b; }',
      /another server has the name "b"/,
    ],
    [
      { steps: http, target: a },
      'server { listen 80; server_name a; } server { listen 80; server_name a; }',
      /one server|another server/,
    ],
    [{ steps: http, target: 'include' }, 'include x;', /not allowed here/],
  ]
  for (const [place, content, message] of refused) {
    assert.throws(
      () => made(state, placeEdit(place, content)),
      (error: unknown) => {
        assert.ok(error instanceof Refusal)
        assert.match(error.message, message)
        return true
      },
    )
  }
  assert.throws(
    () => placeEdit({ steps: [['http']], target: { server: 'x:y:z', name: '' } }, ''),
    Refusal,
  )
  assert.throws(() => placeEdit({ steps: [['events']], target: a }, ''), Refusal)
})

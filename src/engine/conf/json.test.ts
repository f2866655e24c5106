import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blockOf, directives } from './block.ts'
import { fromJson, type JsonBlock, JsonConfError, toJson } from './json.ts'
import { blockDepthMax, tokenBytesMax } from './limits.ts'
import { parse } from './parser.ts'
import { print } from './printer.ts'
import { directive, type Directive } from './tree.ts'

function tree(text: string): Directive {
  const { main, diagnostics } = parse(text, 'x')
  assert.deepEqual(diagnostics, [])
  return main
}

/** The sample of OpenNJet's coding guide. */
const guideText = `
worker_processes 24;
events {
    worker_connections 10240;
}
http {
    include mime.types;
    default_type application/octet-stream;
    sendfile on;
    access_log off;
    keepalive_timeout 120s 120s;
    keepalive_requests 200000;
    upstream web {
        server 192.168.0.230:28080;
        keepalive 400;
    }
    server {
        listen 80;
        server_name localhost;
        location / {
            proxy_pass http://web;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
    }
}
`

const guideJson = {
  worker_processes: 24,
  events: { worker_connections: 10240 },
  http: {
    include: 'mime.types',
    default_type: 'application/octet-stream',
    keepalive_timeout: '120s 120s',
    keepalive_requests: 200000,
    sendfile: true,
    access_log: false,
    upstream: [{ _key: 'web', server: ['192.168.0.230:28080'], keepalive: 400 }],
    server: [
      {
        _key: '',
        listen: 80,
        server_name: 'localhost',
        location: [
          {
            _key: '/',
            proxy_pass: 'http://web',
            proxy_http_version: 1.1,
            proxy_set_header: 'Connection ""',
          },
        ],
      },
    ],
  },
}

test("the guide's sample maps exactly, both ways", () => {
  assert.deepEqual(toJson(tree(guideText)), guideJson)
  assert.deepEqual(toJson(fromJson(guideJson)), guideJson)
  assert.match(print(fromJson(guideJson)), /^ {12}proxy_set_header Connection "";$/m)
})

/** A configuration and its only form in JSON. */
const pairs: readonly (readonly [text: string, json: JsonBlock])[] = [
  // Values.
  ['a;', { a: '' }],
  ['a "";', { a: '""' }],
  ['a on; b off; c true; d "on";', { a: true, b: false, c: 'true', d: true }],
  ['a on off;', { a: 'on off' }],
  ['a 0; b -1; c 1.5; d 65536;', { a: 0, b: -1, c: 1.5, d: 65536 }],
  ['a 1.10; b 007; c 1e3; d +1;', { a: '1.10', b: '007', c: '1e3', d: '+1' }],
  ['a -0; b .5; c 0x10; d NaN;', { a: '-0', b: '.5', c: '0x10', d: 'NaN' }],
  ['a 9007199254740993;', { a: '9007199254740993' }],
  ['a 128k; b 10s;', { a: '128k', b: '10s' }],
  ['a 1 2;', { a: '1 2' }],
  ['a "b c" d;', { a: '"b c" d' }],
  ['a "b;c";', { a: '"b;c"' }],
  ['a \'x "y"\';', { a: '\'x "y"\'' }],
  ['a $b${c};', { a: '$b${c}' }],
  // One and many.
  ['a 1; a b; a on; a;', { a: [1, 'b', true, ''] }],
  ['server a;', { server: ['a'] }],
  ['u x { server a; }', { u: [{ _key: 'x', server: ['a'] }] }],
  // Blocks.
  ['e { }', { e: {} }],
  ['e { } e { a; }', { e: [{ _key: '' }, { _key: '', a: '' }] }],
  ['server { }', { server: [{ _key: '' }] }],
  ['l ~ \\.php$ { }', { l: [{ _key: '~ \\.php$' }] }],
  ['l "" { }', { l: [{ _key: '""' }] }],
  ['l 80 { }', { l: [{ _key: '80' }] }],
  ['a 1; a { b; }', { a: [1, { _key: '', b: '' }] }],
  ['x_by_lua_block { return "}" }', { x_by_lua_block: { _script: ' return "}" ' } }],
  [
    'x_script a { b } x_script { }',
    {
      x_script: [
        { _key: 'a', _script: ' b ' },
        { _key: '', _script: ' ' },
      ],
    },
  ],
  // Names.
  [
    'm $a $b { "" 1; default 2; "x y" 3; }',
    {
      m: [{ _key: '$a $b', '': 1, default: 2, 'x y': 3 }],
    },
  ],
  ['__proto__ 1; constructor 2;', JSON.parse('{"__proto__": 1, "constructor": 2}')],
  // Order.
  ['a 1; b; a 2;', { a: [1, 2], b: '', _order: ['a', 'b', 'a'] }],
  ['b; 2 x; 1 y;', { 1: 'y', 2: 'x', b: '', _order: ['b', '2', '1'] }],
  ['1 x; 2 y; b;', { 1: 'x', 2: 'y', b: '' }],
]

/** Names, arguments, scripts and blocks; positions and the way of writing left out. */
function shape(node: Directive): unknown {
  const { name, args, script, block } = node
  return [name, args, script, block && [...directives(block)].map(shape)]
}

for (const [text, json] of pairs) {
  test(`maps ${text}`, () => {
    assert.deepEqual(toJson(tree(text)), json)
    const back = fromJson(JSON.parse(JSON.stringify(json)))
    assert.deepEqual(shape(back), shape(tree(text)))
  })
}

/** Other forms that are read, though they are not written. */
const accepted: readonly (readonly [json: unknown, text: string])[] = [
  [{ a: 'on' }, 'a on;'],
  [{ a: '80' }, 'a 80;'],
  [{ a: ['x'] }, 'a x;'],
  [{ a: [] }, ''],
  [{ a: '  x\n "y"  ' }, 'a x y;'],
  [{ server: 'a' }, 'server a;'],
  [{ server: { listen: 80 } }, 'server { listen 80; }'],
  [{ u: { _key: 'x' } }, 'u x { }'],
]

test('other forms of the same are read too', () => {
  for (const [json, text] of accepted)
    assert.deepEqual(shape(fromJson(json)), shape(tree(text)), text)
})

const refused: readonly (readonly [json: unknown, message: string])[] = [
  [null, '(root): must be an object'],
  [[], '(root): must be an object'],
  ['a', '(root): must be an object'],
  [{ a: null }, 'a: must be a string, a number, a boolean or an object'],
  [{ a: [['b']] }, 'a[0]: must be a string, a number, a boolean or an object'],
  [{ h: { s: [{ l: 'a; b' }] } }, 'h.s[0].l: unexpected ";"'],
  [{ a: 'b {' }, 'a: unexpected "{"'],
  [{ a: 'b }' }, 'a: unexpected "}"'],
  [{ a: 'b # c' }, 'a: unexpected "#"'],
  [{ a: '"b' }, 'a: unexpected end of value, probably missing a closing quote'],
  [{ a: 'b\\' }, 'a: unexpected end of value after "\\"'],
  [{ a: 1e21 }, 'a: 1e+21 has no plain decimal form'],
  [{ a: 1e-7 }, 'a: 1e-7 has no plain decimal form'],
  [{ a: [{ _key: 1 }] }, 'a[0]._key: must be a string'],
  [{ a: { _key: 'x; y' } }, 'a._key: unexpected ";"'],
  [{ a: { _script: 'x' } }, 'a._script: only a code-like block has a script'],
  [{ x_script: { _script: 1 } }, 'x_script._script: must be a string'],
  [{ x_script: {} }, 'x_script._script: must be a string'],
  [{ x_script: { _script: '', a: 1 } }, 'x_script._script: must stand alone'],
  [{ x_script: { _script: '} user root; {' } }, 'x_script._script: braces do not match'],
  [{ x_script: { _script: '"' } }, 'x_script._script: braces do not match'],
  [{ a: 1, _order: 'a' }, '_order: must be a list of names'],
  [{ a: 1, _order: [] }, '_order: leaves out "a"'],
  [{ a: 1, _order: ['a', 'a'] }, '_order[1]: names no directive'],
  [{ b: { a: 1, _order: ['a', 'c'] } }, 'b._order[1]: names no directive'],
  [{ a: 1, _order: [1] }, '_order[0]: names no directive'],
  [{ a: 'A'.repeat(tokenBytesMax) }, 'a: too long parameter "AAAAAAAAAA..." started'],
  // Short enough to be read here, but not as it would be written.
  [{ a: `"${'\n'.repeat(3000)}"` }, 'a: too long parameter "\n\n\n\n\n\n\n\n\n\n..." started'],
]

test('what stands for no directive is refused with its path', () => {
  for (const [json, message] of refused) {
    assert.throws(() => fromJson(json), { name: 'JsonConfError', message })
  }
})

test('a name that the mapping has taken is refused', () => {
  for (const name of ['_key', '_script', '_order']) {
    const block = blockOf([directive('map', [], blockOf([directive(name, ['1'])]))])
    assert.throws(() => toJson(directive('main', [], block)), {
      message: `map.${name}: the mapping has taken this name`,
    })
  }
})

test('JSON as deep as a configuration may be is read, deeper is refused', () => {
  const nested = (depth: number): unknown => (depth === 0 ? {} : { a: nested(depth - 1) })
  assert.ok(fromJson(nested(blockDepthMax)))
  assert.throws(() => fromJson(nested(blockDepthMax + 1)), JsonConfError)
})

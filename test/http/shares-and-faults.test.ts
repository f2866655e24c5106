/** What happens to a percentage of the requests: `split_clients_2`, `fault_inject`; and fields in numbers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run } from '../support/process.ts'
import { freePort } from '../support/ports.ts'
import { type Random, seededRandom } from '../support/random.ts'
import { refusalOf, startHttp } from './support.ts'

/** Numbers in [0, 1) from the generator of the test. */
function chanceOf(random: Random): () => number {
  return () => random.uint32() / 2 ** 32
}

/** How far a count of `total` draws may be from its share: five standard deviations. */
function isNear(count: number, total: number, share: number): boolean {
  return Math.abs(count - total * share) < 5 * Math.sqrt(total * share * (1 - share))
}

/** What curl prints, whatever becomes of it. */
async function ask(port: number, path: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run(['curl', '-s', ...args, `http://127.0.0.1:${port}${path}`])
  return stdout
}

/** Asks so many times on one connection, and returns a line of what `format` says for each. */
async function askMany(port: number, count: number, format: string): Promise<string[]> {
  const text = await ask(port, `/?[1-${count}]`, '-o', '/dev/null', '-w', `${format}\\n`)
  return text.trimEnd().split('\n')
}

test('split_clients_2 gives each value its share, and a request keeps its value', async (t) => {
  const port = await freePort()
  const engine = await startHttp(
    t,
    `access_log off;
     split_clients_2 $colour { 10% blue; 0% none; 20.5% green; * red; }
     split_clients_2 $part { 50% half; }
     server { listen 127.0.0.1:${port}; add_header X-V "$colour $colour $part."; return 200; }`,
  )
  engine.chance = chanceOf(seededRandom(t))
  const total = 600
  const answers = await askMany(port, total, '%header{x-v}')
  assert.equal(answers.length, total)
  const shares = { blue: 0.1, green: 0.205, red: 0.695 }
  for (const [colour, share] of Object.entries(shares)) {
    const count = answers.filter((line) => line.startsWith(`${colour} ${colour} `)).length
    assert(isNear(count, total, share), `${colour}: ${count} of ${total}`)
  }
  const halves = answers.filter((line) => line.endsWith(' half.')).length
  assert(isNear(halves, total, 0.5), `half: ${halves}`)
  assert(answers.every((line) => / (half)?\.$/.test(line)))
})

test('every draw falls where the shares say, at their very ends', async (t) => {
  const port = await freePort()
  const engine = await startHttp(
    t,
    `access_log off; split_clients_2 $c { 0.01% first; 99.98% middle; * last; }
     server { listen 127.0.0.1:${port}; return 200 $c; }`,
  )
  const draws = [
    [0, 'first'],
    [0.000_099, 'first'],
    [0.0001, 'middle'],
    [0.999_899, 'middle'],
    [0.9999, 'last'],
    [1 - 2 ** -32, 'last'],
  ] as const
  for (const [draw, value] of draws) {
    engine.chance = () => draw
    assert.equal(await ask(port, '/'), value, String(draw))
  }
})

test('what split_clients_2 refuses', async (t) => {
  const fault = async (lines: string, head = '$v'): Promise<string | undefined> =>
    (await refusalOf(t, `split_clients_2 ${head} { ${lines} }`))[0]
  assert.match((await fault('60% a; 50% b;'))!, /percent total is greater than 100%/)
  assert.match((await fault('1.234% a;'))!, /invalid percent value "1.234%"/)
  assert.match((await fault('x a;'))!, /invalid percent value "x"/)
  assert.match((await fault('10%;'))!, /invalid number of the split_clients_2 parameters/)
  assert.match((await fault('* a;', 'v'))!, /invalid variable name "v"/)
  assert.match((await fault('* a;', 'x $v'))!, /invalid number of arguments in "split_clients_2"/)
})

test('a share of the requests is ended with the status', async (t) => {
  const port = await freePort()
  const engine = await startHttp(
    t,
    `log_format f $fault_inject_status; access_log logs/f.log f;
     server { listen 127.0.0.1:${port};
       location / { fault_inject type=abort status_code=418 abort_percentage=30; stub_status; } }`,
  )
  engine.chance = chanceOf(seededRandom(t))
  const total = 300
  const answers = await askMany(port, total, '%{http_code}')
  const aborted = answers.filter((status) => status === '418').length
  assert(isNear(aborted, total, 0.3), `${aborted} of ${total}`)
  assert.equal(answers.filter((status) => status === '200').length, total - aborted)
  engine.flushLogs()
  const verdicts = engine.prefix.read('logs/f.log').trimEnd().split('\n')
  assert.equal(verdicts.filter((verdict) => verdict === 'ABORTED').length, aborted)
  assert.equal(verdicts.filter((verdict) => verdict === 'PASSED').length, total - aborted)
})

test('delays, and both, and what a header decides', async (t) => {
  const port = await freePort()
  const engine = await startHttp(
    t,
    `log_format f "$uri $fault_inject_status"; access_log logs/f.log f;
     server { listen 127.0.0.1:${port}; error_page 503 /page;
       location /d { fault_inject type=delay delay_duration=300ms; stub_status; }
       location /both { fault_inject type=delay_abort delay_duration=300ms status_code=503
         delay_percentage=50 abort_percentage=50; stub_status;
         location /both/in { stub_status; } }
       location /h { fault_inject type=abort status_code=444 header=X-Fault:yes; stub_status; }
       location /any { fault_inject type=abort status_code=500 header=x_y; stub_status; }
       location /page { fault_inject type=abort status_code=599; stub_status; } }`,
  )
  const timed = async (path: string, ...args: string[]): Promise<string> => {
    const format = ['-o', '/dev/null', '-w', '%{http_code} %{time_total}']
    const [status = '', seconds = ''] = (await ask(port, path, ...format, ...args)).split(' ')
    return `${status} ${Number(seconds) >= 0.3 ? 'late' : 'at once'}`
  }
  assert.equal(await timed('/d'), '200 late')
  const draws = [0.6, 0.6, 0.6, 0.4, 0.4, 0.6, 0.4, 0.4]
  engine.chance = () => draws.shift()!
  assert.equal(await timed('/both'), '200 at once')
  assert.equal(await timed('/both'), '503 at once', 'the page of the error is not drawn for')
  assert.equal(await timed('/both/in'), '200 late', 'inner locations inherit')
  assert.equal(await timed('/both'), '503 late')
  assert.deepEqual(draws, [])
  engine.chance = () => 0
  assert.equal(await timed('/h'), '200 at once')
  assert.equal(await timed('/h', '-H', 'X-Fault: no'), '200 at once')
  assert.equal(await timed('/h', '-H', 'x-fault: yes'), '000 at once')
  assert.equal(await timed('/any'), '200 at once')
  assert.equal(await timed('/any', '-H', 'X-Y: whatever'), '500 at once')
  engine.flushLogs()
  assert.deepEqual(engine.prefix.read('logs/f.log').trimEnd().split('\n'), [
    '/d DELAYED',
    '/both PASSED',
    '/page ABORTED',
    '/both/in DELAYED',
    '/page DELAYED_ABORTED',
    '/h -',
    '/h -',
    '/h ABORTED',
    '/any -',
    '/any ABORTED',
  ])
})

test('a client that goes away while it waits is let go', async (t) => {
  const port = await freePort()
  const engine = await startHttp(
    t,
    `access_log off; server { listen 127.0.0.1:${port};
       location / { fault_inject type=delay delay_duration=1h; stub_status; } }`,
  )
  assert.equal(await ask(port, '/', '-m', '0.3'), '')
  const deadline = Date.now() + 5000
  while (engine.engine.active > 0 && Date.now() < deadline) await new Promise(setImmediate)
  assert.equal(engine.engine.active, 0)
})

test('what fault_inject refuses', async (t) => {
  const fault = async (args: string): Promise<string> =>
    (await refusalOf(t, `server { location / { fault_inject ${args}; } }`))[0] ?? ''
  const wrong: readonly (readonly [args: string, message: RegExp])[] = [
    ['type=abort', /with "type=abort" must have the parameter "status_code"/],
    ['off header=x', /invalid parameter "off"/],
    ['type=wait x=1', /invalid parameter "type=wait"/],
    ['delay_duration=1s header=x', /must have the parameter "type"/],
    ['type=delay header=x', /with "type=delay" must have the parameter "delay_duration"/],
    ['type=abort header=x', /with "type=abort" must have the parameter "status_code"/],
    ['type=delay_abort delay_duration=1s', /must have the parameter "status_code"/],
    ['type=delay delay_duration=0', /invalid parameter "delay_duration=0"/],
    ['type=delay delay_duration=soon', /invalid parameter "delay_duration=soon"/],
    ['type=delay delay_duration=1s status_code=500', /invalid parameter "status_code=500"/],
    ['type=abort status_code=199', /invalid parameter "status_code=199"/],
    ['type=abort status_code=601', /invalid parameter "status_code=601"/],
    ['type=abort status_code=500 abort_percentage=0', /invalid parameter "abort_percentage=0"/],
    ['type=abort status_code=500 abort_percentage=101', /"abort_percentage=101"/],
    ['type=abort status_code=500 header=a.b', /invalid parameter "header=a.b"/],
    ['type=abort status_code=500 status_code=501', /duplicate parameter "status_code"/],
    ['type=abort status_code=500 once', /invalid parameter "once"/],
  ]
  for (const [args, message] of wrong) assert.match(await fault(args), message, args)
  const twice = 'fault_inject type=abort status_code=500;'.repeat(2)
  const [first] = await refusalOf(t, `server { location / { ${twice} } }`)
  assert.match(first!, /"fault_inject" directive is duplicate/)
})

test('add_more_header adds a line for each value, beside add_header', async (t) => {
  const port = await freePort()
  await startHttp(
    t,
    `access_log off; server { listen 127.0.0.1:${port};
       add_header X-A one; add_more_header X-A two "$arg_x" three; add_more_header X-E e always;
       location / { return 200; }
       location /no { return 404; }
       location /own { add_more_header X-O always; add_more_header Last-Modified now; return 200; }
       location /if { if ($arg_x) { add_more_header X-I yes; } return 200; } }`,
  )
  const values = async (path: string, name: string): Promise<string[]> => {
    const lines = (await ask(port, path, '-D', '-', '-o', '/dev/null'))
      .split('\r\n')
      .map((line) => line.split(': '))
    return lines.flatMap(([key, value = '']) => (key === name ? [value] : []))
  }
  assert.deepEqual(await values('/?x=$x', 'X-A'), ['one', 'two', '$x', 'three'])
  assert.deepEqual(await values('/', 'X-A'), ['one', 'two', 'three'])
  assert.deepEqual(await values('/no', 'X-A'), [])
  assert.deepEqual(await values('/no', 'X-E'), ['e'])
  assert.deepEqual(await values('/own', 'X-A'), ['one'])
  assert.deepEqual(await values('/own', 'X-O'), ['always'])
  assert.deepEqual(await values('/own', 'Last-Modified'), ['now'])
  assert.deepEqual(await values('/if?x=1', 'X-I'), ['yes'])
  assert.deepEqual(await values('/if', 'X-I'), [])
  const refusal = await refusalOf(t, 'add_more_header X;')
  assert.match(refusal[0]!, /invalid number of arguments in "add_more_header"/)
  assert.match((await refusalOf(t, 'add_more_header X $no;'))[0]!, /unknown "no" variable/)
})

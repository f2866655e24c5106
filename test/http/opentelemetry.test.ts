/** `opentelemetry*`: what upstreams are told, and what requests leave for the collector. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingHttpHeaders } from 'node:http'
import { connect, createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { suite, test } from 'node:test'
import type { AttemptRecord } from '../../src/engine/http/telemetry/attempt-record.ts'
import type { SpanRecord } from '../../src/engine/http/telemetry/span-record.ts'
import { curl } from '../support/http.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/wait.ts'
import { refusalOf, startHttp } from './support.ts'
import { caller, serve, trace, traceparent } from './tracing-support.ts'

const proxied = (directives: string): string => `opentelemetry_config otel.toml; ${directives}
  server { $listen; server_name edge; location / { proxy_pass $backend; } }`

suite('propagation', () => {
  test('W3C: the upstream’s parent is the span of the attempt', async (t) => {
    const { ask, records, attempts, seen } = await serve(t, proxied('opentelemetry_propagate;'))
    await ask('/', `traceparent: ${traceparent}`, 'tracestate: a=1', 'tracestate: b=2')
    const [{ span }] = records() as [SpanRecord]
    const [attempt, ...others] = attempts() as [AttemptRecord]
    assert.deepEqual(others, [])
    assert.equal(span!.traceId, trace)
    assert.equal(span!.parentId, caller)
    assert.equal(attempt.traceId, trace)
    assert.equal(attempt.parentId, span!.spanId)
    assert.notEqual(attempt.spanId, span!.spanId)
    assert.equal(seen[0]!['traceparent'], `00-${trace}-${attempt.spanId}-01`)
    assert.equal(seen[0]!['tracestate'], 'a=1, b=2')
  })

  test('W3C: a trace begins here when nobody has begun one, or nobody may', async (t) => {
    const { ask, records, attempts, seen } = await serve(
      t,
      proxied('opentelemetry_propagate; opentelemetry_trust_incoming_spans off;'),
    )
    await ask('/')
    await ask('/', `traceparent: ${traceparent}`, 'tracestate: a=1')
    const spans = records().map(({ span }) => span!)
    const ids = attempts().map(({ spanId }) => spanId)
    for (const [i, span] of spans.entries()) {
      assert.equal(span.parentId, undefined)
      assert.match(span.traceId, /^[0-9a-f]{32}$/)
      assert.notEqual(span.traceId, trace)
      assert.equal(seen[i]!['traceparent'], `00-${span.traceId}-${ids[i]}-01`)
      assert.equal(seen[i]!['tracestate'], undefined, 'it belongs to a trace that is not continued')
    }
    assert.notEqual(spans[0]!.traceId, spans[1]!.traceId)
  })

  test('b3 in one field; the client’s own fields do not go on beside it', async (t) => {
    const { ask, records, attempts, seen } = await serve(t, proxied('opentelemetry_propagate b3;'))
    await ask('/', `X-B3-TraceId: ${trace}`, `X-B3-SpanId: ${caller}`, 'X-B3-Sampled: 1')
    const [{ span }] = records() as [SpanRecord]
    assert.equal(span!.parentId, caller)
    assert.equal(seen[0]!['b3'], `${trace}-${attempts()[0]!.spanId}-1`)
    assert.equal(seen[0]!['x-b3-traceid'], undefined)
    assert.equal(seen[0]!['x-b3-sampled'], undefined)
  })

  test('b3 in several fields', async (t) => {
    const { ask, records, attempts, seen } = await serve(
      t,
      proxied('opentelemetry_propagate b3multi;'),
    )
    await ask('/', `b3: ${trace}-${caller}-1`)
    const [{ span }] = records() as [SpanRecord]
    assert.equal(span!.parentId, caller)
    assert.equal(seen[0]!['b3'], undefined)
    assert.equal(seen[0]!['x-b3-traceid'], trace)
    assert.equal(seen[0]!['x-b3-spanid'], attempts()[0]!.spanId)
    assert.equal(seen[0]!['x-b3-sampled'], '1')
  })

  test('gRPC over HTTP/2 on both sides is traced like the rest', async (t) => {
    const seen: IncomingHttpHeaders[] = []
    const upstream = createHttp2Server()
    upstream.on('stream', (stream, headers) => {
      seen.push(headers)
      const answer = stream as ServerHttp2Stream
      answer.respond({ ':status': 200, 'grpc-status': '0' }, { endStream: true })
    })
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
    const port = (upstream.address() as AddressInfo).port
    const {
      port: front,
      records,
      attempts,
    } = await serve(
      t,
      `opentelemetry_config otel.toml; opentelemetry_propagate;
       server { $listen http2; location / { grpc_pass grpc://127.0.0.1:${port}; } }`,
    )
    const client = connect(`http://127.0.0.1:${front}`)
    t.after(() => {
      client.destroy()
      upstream.close()
    })
    const call = client.request({ ':method': 'POST', ':path': '/svc/Call', traceparent })
    call.end()
    await once(call, 'response')
    await once(call.resume(), 'close')
    const [{ span, version }] = records() as [SpanRecord]
    assert.equal(version, '2')
    assert.equal(span!.parentId, caller)
    assert.equal(span!.attributes['url.path'], '/svc/Call')
    assert.equal(span!.attributes['server.address'], '127.0.0.1')
    const [attempt] = attempts() as [AttemptRecord]
    assert.equal(attempt.parentId, span!.spanId)
    assert.equal(seen[0]!['traceparent'], `00-${trace}-${attempt.spanId}-01`)
    const { method, scheme, version: spoken, target, status, peer } = attempt
    assert.deepEqual(
      { method, scheme, spoken, target, status, peer },
      {
        method: 'POST',
        scheme: 'grpc://',
        spoken: '2',
        target: '/svc/Call',
        status: 200,
        peer: `127.0.0.1:${port}`,
      },
    )
  })

  test('a field that the location sets itself is the one that is sent', async (t) => {
    const { ask, seen } = await serve(
      t,
      proxied('opentelemetry_propagate; proxy_set_header Traceparent own;'),
    )
    await ask('/', 'tracestate: a=1', `traceparent: ${traceparent}`)
    assert.equal(seen[0]!['traceparent'], 'own')
    assert.equal(seen[0]!['tracestate'], 'a=1')
  })

  test('without it, or for what is not traced, the client’s fields go on as they came', async (t) => {
    const { ask, records, seen } = await serve(
      t,
      `opentelemetry_config otel.toml;
       server { $listen;
         location / { proxy_pass $backend; }
         location /off { opentelemetry off; opentelemetry_propagate; proxy_pass $backend; }
         location /health { opentelemetry_propagate; opentelemetry_ignore_paths ^/HEALTH;
           proxy_pass $backend; } }`,
    )
    for (const path of ['/', '/off', '/health']) {
      await ask(path, `traceparent: ${traceparent}`, 'tracestate: a=1')
    }
    assert.deepEqual(
      seen.map((fields) => fields['traceparent']),
      [traceparent, traceparent, traceparent],
    )
    assert.deepEqual(
      records().map(({ route }) => route),
      ['/'],
    )
  })

  test('a trace that is not sampled is passed on as one that is not', async (t) => {
    const { ask, records, attempts, seen } = await serve(
      t,
      proxied('opentelemetry_propagate;'),
      '[sampler]\nname = "AlwaysOn"\nparent_based = true',
    )
    await ask('/', `traceparent: 00-${trace}-${caller}-00`)
    assert.match(seen[0]!['traceparent'] as string, new RegExp(`^00-${trace}-[0-9a-f]{16}-00$`))
    assert.notEqual(seen[0]!['traceparent'], `00-${trace}-${caller}-00`)
    assert.deepEqual([records(), attempts()], [[], []])
  })

  test('requests in the background are children of the one that they are made for', async (t) => {
    const { ask, records, attempts, seen } = await serve(
      t,
      `opentelemetry_config otel.toml; opentelemetry_propagate;
       server { $listen;
         location /mirrored { mirror /copy; proxy_pass $backend; }
         location /auth { auth_request /copy; proxy_pass $backend; }
         location /copy { internal; proxy_pass $backend; } }`,
    )
    for (const path of ['/auth', '/mirrored']) {
      seen.length = 0
      await ask(path)
      await until(() => seen.length === 2, { what: 'both requests' })
      const [{ span }, ...others] = records() as [SpanRecord]
      assert.deepEqual(others, [], 'a subrequest is part of its request')
      const made: AttemptRecord[] = []
      await until(() => made.push(...attempts()) === 2, { what: 'both records' })
      assert.deepEqual(
        made.map(({ traceId, parentId }) => [traceId, parentId]),
        made.map(() => [span!.traceId, span!.spanId]),
      )
      assert.deepEqual(
        new Set(seen.map((fields) => fields['traceparent'])),
        new Set(made.map(({ spanId }) => `00-${span!.traceId}-${spanId}-01`)),
      )
    }
  })
})

suite('records', () => {
  test('a span has the attributes of the semantic conventions', async (t) => {
    const { ask, port, records } = await serve(
      t,
      proxied('opentelemetry_attribute request.id $http_x_id; opentelemetry_attribute fixed one;'),
    )
    await ask('/a%20b/c?q=1', 'Host: shop.test:81', 'User-Agent: probe/1', 'X-Id: 7')
    const [record] = records() as [SpanRecord]
    const { span, startMs, durationMs, ...rest } = record
    assert.ok(Math.abs(startMs - Date.now()) < 60_000)
    assert.ok(durationMs >= 0)
    assert.deepEqual(rest, {
      status: 200,
      sentBytes: 2,
      receivedBytes: 0,
      method: 'GET',
      scheme: 'http',
      version: '1.1',
      route: '/',
      server: 'edge',
    })
    const { 'network.peer.port': peerPort, ...attributes } = span!.attributes
    assert.equal(typeof peerPort, 'number')
    assert.equal(span!.name, 'GET /')
    assert.deepEqual(attributes, {
      'url.path': '/a%20b/c',
      'url.query': 'q=1',
      'user_agent.original': 'probe/1',
      'server.address': 'shop.test',
      'server.port': port,
      'client.address': '127.0.0.1',
      'network.peer.address': '127.0.0.1',
      'request.id': '7',
      fixed: 'one',
    })
  })

  test('a span is named by its directive, its method and its location', async (t) => {
    const { ask, records } = await serve(
      t,
      `opentelemetry_config otel.toml;
       server { $listen;
         location ~ ^/items/[0-9]+$ { return 200; }
         location /named { opentelemetry_operation_name "op $uri"; return 200; }
         location /moved { rewrite ^ /named/x; }
         location @fallback { return 200; }
         location /missing { root /nowhere; try_files /no @fallback; } }`,
    )
    for (const path of ['/items/7', '/named/a', '/moved', '/missing']) await ask(path)
    assert.deepEqual(
      records().map(({ span, route }) => [span!.name, route]),
      [
        ['GET ^/items/[0-9]+$', '^/items/[0-9]+$'],
        ['op /named/a', '/named'],
        ['op /named/x', '/named'],
        ['GET', ''],
      ],
    )
  })

  test('statuses are those of the answer, whoever gave it', async (t) => {
    const { ask, records } = await serve(
      t,
      `opentelemetry_config otel.toml;
       server { $listen; error_page 418 =200 /page;
         location /status { proxy_pass $backend; }
         location /teapot { return 418; }
         location /page { return 202; }
         location /gone { proxy_pass http://127.0.0.1:1; } }
       server { listen 127.0.0.1:${await freePort()}; return 204; }`,
    )
    for (const path of ['/status/503', '/teapot', '/gone', '/%zz']) await ask(path)
    assert.deepEqual(
      records().map(({ status }) => status),
      [503, 200, 502, 400],
    )
  })

  test('unknown methods are one method', async (t) => {
    const { port, records } = await serve(t, proxied(''))
    await curl('-X', 'BREW', `http://127.0.0.1:${port}/`)
    const [{ method, span }] = records() as [SpanRecord]
    assert.equal(method, '_OTHER')
    assert.equal(span!.name, 'HTTP /')
    assert.equal(span!.attributes['http.request.method_original'], 'BREW')
  })

  test('captured fields are shown, secret ones are not', async (t) => {
    const { ask, records } = await serve(
      t,
      proxied(`opentelemetry_capture_headers on;
        opentelemetry_sensitive_header_names ^(authorization|set-cookie)$;
        opentelemetry_sensitive_header_values CARD-[0-9]+;`),
    )
    await ask('/', 'Authorization: Bearer x', 'X-Pay: card-42', 'X-Two: 1', 'X-Two: 2')
    const { attributes } = records()[0]!.span!
    assert.deepEqual(attributes['http.request.header.authorization'], ['[REDACTED]'])
    assert.deepEqual(attributes['http.request.header.x-pay'], ['[REDACTED]'])
    assert.deepEqual(attributes['http.request.header.x-two'], ['1', '2'])
    assert.deepEqual(attributes['http.response.header.set-cookie'], ['[REDACTED]'])
    assert.deepEqual(attributes['http.response.header.x-backend'], ['b'])
    assert.equal(attributes['http.request.header.host'], undefined)
    assert.equal(attributes['http.request.header.user-agent'], undefined)
  })

  test('variables say the identifiers', async (t) => {
    const { ask, records } = await serve(
      t,
      `opentelemetry_config otel.toml;
       add_header X-Ids "$opentelemetry_trace_id $opentelemetry_span_id";
       add_header X-Parent "$opentelemetry_context_traceparent";
       add_header X-B3 "b3:$opentelemetry_context_b3.";
       server { $listen; location / { return 200; }
         location /b3 { opentelemetry_propagate b3; return 200; }
         location /off { opentelemetry off; return 200; } }`,
    )
    const plain = await ask('/')
    const b3 = await ask('/b3')
    const off = await ask('/off')
    const [first, second] = records().map(({ span }) => span!)
    assert.equal(plain.header('x-ids'), `${first!.traceId} ${first!.spanId}`)
    assert.equal(plain.header('x-parent'), `00-${first!.traceId}-${first!.spanId}-01`)
    assert.equal(plain.header('x-b3'), 'b3:.')
    assert.equal(b3.header('x-b3'), `b3:${second!.traceId}-${second!.spanId}-1.`)
    assert.equal(off.header('x-ids'), '')
    assert.equal(off.header('x-parent'), undefined)
  })

  test('what is not recorded is measured where metrics are wanted', async (t) => {
    const { ask, records } = await serve(
      t,
      proxied('opentelemetry_ignore_paths ^/health;'),
      '[sampler]\nname = "AlwaysOff"\n[metrics]',
    )
    await ask('/a')
    await ask('/health')
    const found = records()
    assert.equal(found.length, 1)
    assert.equal(found[0]!.span, undefined)
    assert.equal(found[0]!.status, 200)
  })

  test('without a file nothing is traced and nothing is left', async (t) => {
    const { ask, engine, seen } = await serve(
      t,
      `opentelemetry on; opentelemetry_propagate;
       server { $listen; location / { proxy_pass $backend; } }`,
    )
    await ask('/')
    assert.equal(seen[0]!['traceparent'], undefined)
    const writers = new Int32Array(engine.zoneMemory.open('telemetry writers', 128).buffer)
    assert.ok(writers.every((word) => word === 0))
  })
})

suite('configuration', () => {
  test('what is wrong is said in words', async (t) => {
    const refused = async (text: string): Promise<string> => (await refusalOf(t, text))[0]!
    assert.match(
      await refused('opentelemetry_config none.toml;'),
      /^open\(\) "conf\/none\.toml" failed \(2: No such file or directory\) in /,
    )
    assert.match(
      await refused('opentelemetry_propagate jaeger;'),
      /^invalid value "jaeger", it must be "b3" or "b3multi" in /,
    )
    assert.match(await refused('opentelemetry maybe;'), /^invalid value "maybe" in "opentelemetry"/)
    assert.match(await refused('opentelemetry_ignore_paths (;'), /\(/)
  })

  test('a file that is wrong is refused with its name', async (t) => {
    const start = startHttp(t, 'opentelemetry_config otel.toml;', {
      'conf/otel.toml': 'exporter = "zipkin"',
    })
    await assert.rejects(start, /"exporter" must be "otlp" of ".*\/conf\/otel\.toml"/)
  })
})

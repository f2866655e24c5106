/** TLS towards clients: what variables say of a handshake, and what follows from it for requests. */
import { type Case, type ClientTls, get, reply } from '../case.ts'

const request = get('/')

/** Without a group that only newer libraries know. */
const oldGroups = { ecdhCurve: 'X25519:P-256' } as const
/** nginx's default was another before 1.23.4. */
const protocols = 'ssl_protocols TLSv1.2 TLSv1.3;'
const tls13: ClientTls = { options: { ...oldGroups, minVersion: 'TLSv1.3' } }
const tls12: ClientTls = { options: { ...oldGroups, maxVersion: 'TLSv1.2' } }

function say(name: string, text: string, tls: ClientTls = tls13, more = ''): Case {
  return {
    name,
    listen: 'ssl',
    tls,
    server: `${more.includes('ssl_protocols') ? '' : protocols} ${more}
      location / { return 200 "${text}"; }`,
    requests: [request, request],
  }
}

const versions = ['TLSv1.2', 'TLSv1.3'] as const

const handshakes: readonly Case[] = [
  ...versions.flatMap((version) => {
    const tls: ClientTls = {
      options: { ...oldGroups, minVersion: version, maxVersion: version },
    }
    return [
      say(`protocol and cipher of ${version}`, '$ssl_protocol $ssl_cipher', tls),
      say(`curve of ${version}`, '$ssl_curve', tls),
      say(`a first connection of ${version} resumes nothing`, '$ssl_session_reused', tls),
    ]
  }),
  ...['ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-CHACHA20-POLY1305', 'AES256-SHA'].map((cipher) =>
    say(`cipher ${cipher}`, '$ssl_cipher of $ssl_ciphers', {
      options: { ...oldGroups, maxVersion: 'TLSv1.2', ciphers: cipher },
    }),
  ),
  ...['P-256', 'P-384', 'P-521', 'X25519', 'X448', 'X25519:P-256'].map((curve) =>
    say(`curves ${curve}`, '$ssl_curve of $ssl_curves', { options: { ecdhCurve: curve } }),
  ),
  say('https, scheme and port', '$https $scheme $server_port'),
  say('without a name', '[$ssl_server_name]'),
  say('with a name', '[$ssl_server_name]', { ...tls13, servername: 'some.test' }),
  say('early data is not there', '[$ssl_early_data]'),
  say('no protocol agreed on', '[$ssl_alpn_protocol]'),
  say('http/1.1 agreed on', '[$ssl_alpn_protocol]', {
    options: { ...oldGroups, ALPNProtocols: ['h2', 'http/1.1'] },
  }),
  say(
    'the server’s order of ciphers',
    '$ssl_cipher',
    {
      options: {
        ...oldGroups,
        maxVersion: 'TLSv1.2',
        ciphers: 'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384',
      },
    },
    'ssl_prefer_server_ciphers on; ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256;',
  ),
  say(
    'the client’s order of ciphers',
    '$ssl_cipher',
    {
      options: {
        ...oldGroups,
        maxVersion: 'TLSv1.2',
        ciphers: 'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384',
      },
    },
    'ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256;',
  ),
  say('one protocol only', '$ssl_protocol', {}, 'ssl_protocols TLSv1.2;'),
  say('one curve only', '$ssl_curve', {}, 'ssl_ecdh_curve secp384r1;'),
  say(
    'a command of OpenSSL',
    '$ssl_cipher',
    tls13,
    'ssl_conf_command Ciphersuites TLS_CHACHA20_POLY1305_SHA256;',
  ),
  say(
    'a command of OpenSSL on options',
    '$ssl_protocol',
    tls12,
    'ssl_conf_command Options -SessionTicket,ServerPreference;',
  ),
  say('small records', '$ssl_protocol', tls13, 'ssl_buffer_size 4k;'),
  say('cache off', '$ssl_session_reused', tls12, 'ssl_session_cache off;'),
  say('cache shared', '$ssl_session_reused', tls12, 'ssl_session_cache shared:{id}:1m;'),
  say('cache built in', '$ssl_session_reused', tls12, 'ssl_session_cache builtin:100;'),
  say(
    'both caches, no tickets',
    '$ssl_session_reused',
    tls12,
    'ssl_session_cache builtin shared:{id}:1m; ssl_session_tickets off; ssl_session_timeout 1h;',
  ),
]

const authority = 'ssl_client_certificate ca.pem;'
const shown: ClientTls = { ...tls12, certificate: true }

function verify(name: string, mode: string, text: string, tls: ClientTls = shown): Case {
  return say(`${name}, ssl_verify_client ${mode}`, text, tls, `ssl_verify_client ${mode};`)
}

const certificateVariables = [
  'ssl_client_s_dn',
  'ssl_client_i_dn',
  'ssl_client_s_dn_legacy',
  'ssl_client_i_dn_legacy',
  'ssl_client_serial',
  'ssl_client_fingerprint',
  'ssl_client_verify',
  'ssl_client_v_start',
  'ssl_client_v_end',
  'ssl_client_v_remain',
  'ssl_client_escaped_cert',
] as const

const clients: readonly Case[] = [
  ...certificateVariables.flatMap((name) => [
    say(`$${name}`, `[$${name}]`, shown, `${authority} ssl_verify_client on;`),
    say(
      `$${name} without a certificate`,
      `[$${name}]`,
      tls12,
      `${authority} ssl_verify_client optional;`,
    ),
  ]),
  {
    name: '$ssl_client_cert and $ssl_client_raw_cert for a server behind',
    listen: 'ssl',
    tls: shown,
    server: `${authority} ssl_verify_client on;
      location / { proxy_pass http://{upstream}; proxy_set_header X-Cert $ssl_client_cert; }`,
    upstream: reply('seen'),
    requests: [request],
    difference: {
      why: 'a field of several lines, which RFC 9112 §5.2 forbids to send, is sent in one',
      ours: /X-Cert: -----BEGIN CERTIFICATE----- [^\n]*-----END CERTIFICATE-----/,
    },
  },
  ...(['on', 'optional', 'off'] as const).flatMap((mode) => [
    say(
      `with a certificate, ${mode}`,
      '$ssl_client_verify',
      shown,
      `${authority} ssl_verify_client ${mode};`,
    ),
    say(
      `without a certificate, ${mode}`,
      '$ssl_client_verify',
      tls12,
      `${authority} ssl_verify_client ${mode};`,
    ),
    say(
      `without a certificate in TLS 1.3, ${mode}`,
      '$ssl_client_verify',
      tls13,
      `${authority} ssl_verify_client ${mode};`,
    ),
  ]),
  verify('a certificate nobody knows', 'optional_no_ca', '$ssl_client_verify'),
  verify('no certificate', 'optional_no_ca', '$ssl_client_verify', tls12),
  say(
    'a certificate of another authority',
    '$ssl_client_verify',
    shown,
    'ssl_client_certificate server.pem; ssl_verify_client on;',
  ),
  say(
    'a certificate of another authority, optional',
    '$ssl_client_verify',
    shown,
    'ssl_client_certificate server.pem; ssl_verify_client optional;',
  ),
  ...[
    ['495', 'ssl_client_certificate server.pem;', shown],
    ['496', authority, tls12],
  ].map(
    ([status, trusted, tls]) =>
      ({
        name: `a page for ${status as string}`,
        listen: 'ssl',
        tls: tls as ClientTls,
        server: `${trusted as string} ssl_verify_client on; error_page ${status as string} /refused;
          location = /refused { return 403 "refused, $status"; } location / { return 200 no; }`,
        requests: [request],
      }) satisfies Case,
  ),
  {
    name: 'a page for plain requests on a port with TLS',
    listen: 'ssl',
    server: 'error_page 497 301 =307 https://$host:443$request_uri; location / { return 200 no; }',
    requests: [get('/a?b')],
  },
  {
    name: 'a page of ours for plain requests on a port with TLS',
    listen: 'ssl',
    server: 'error_page 497 =200 /plain; location /plain { return 200 "$https $scheme"; }',
    requests: [request],
  },
  {
    name: 'a plain request on a port with TLS',
    listen: 'ssl',
    server: 'location / { return 200 no; }',
    requests: [request],
  },
]

const names: readonly Case[] = [
  {
    name: 'the server of the name, and that of the request',
    listen: 'ssl default_server',
    tls: { ...tls13, servername: 'two.test' },
    http: `server { listen {address}:{port} ssl; server_name two.test; root {root};
      ssl_certificate server.pem; ssl_certificate_key server.key; ${protocols} return 200 "two $ssl_server_name"; }`,
    server:
      'ssl_protocols TLSv1.2 TLSv1.3; server_name one.test; return 200 "one $ssl_server_name";',
    requests: [
      'GET / HTTP/1.1\r\nHost: two.test\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: one.test\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: other.test\r\n\r\n',
    ],
  },
  {
    name: 'another name than that of the handshake where certificates are asked for',
    listen: 'ssl default_server',
    tls: { ...tls13, servername: 'one.test' },
    http: `server { listen {address}:{port} ssl; server_name two.test; root {root};
      ssl_certificate server.pem; ssl_certificate_key server.key; ${protocols}
      ssl_verify_client on; ssl_client_certificate ca.pem; return 200 two; }`,
    server: 'ssl_protocols TLSv1.2 TLSv1.3; server_name one.test; return 200 one;',
    requests: [
      'GET / HTTP/1.1\r\nHost: one.test\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: two.test\r\n\r\n',
    ],
  },
  {
    name: 'a server without a certificate lends the default one',
    listen: 'ssl default_server',
    tls: { ...tls13, servername: 'two.test' },
    http: 'server { listen {address}:{port}; server_name two.test; return 200 "two $https"; }',
    server: 'ssl_protocols TLSv1.2 TLSv1.3; server_name one.test; return 200 one;',
    requests: ['GET / HTTP/1.1\r\nHost: two.test\r\n\r\n'],
  },
  {
    name: 'a file and a redirect over TLS',
    listen: 'ssl',
    tls: tls13,
    server: 'ssl_protocols TLSv1.2 TLSv1.3; location /old { return 301 /new; } location /d { }',
    files: { 'a.txt': 'x'.repeat(40_000), 'd/index.html': 'i' },
    requests: [get('/a.txt'), get('/old'), get('/d'), get('/d/')],
  },
  {
    name: 'log of a connection over TLS',
    listen: 'ssl',
    tls: shown,
    server: `${authority} ssl_verify_client optional; location / { return 200 ok; }`,
    accessLog:
      '$ssl_protocol $ssl_cipher $ssl_client_verify $ssl_client_s_dn $request_length $bytes_sent',
    requests: [request, request],
  },
  {
    name: 'a certificate by variable',
    listen: 'ssl',
    tls: { ...tls13, servername: 'server' },
    server: `${protocols} ssl_certificate $ssl_server_name.pem; ssl_certificate_key $ssl_server_name.key;
      location / { return 200 "$ssl_server_name"; }`,
    requests: [request],
  },
]

const settings: readonly (readonly [string, string])[] = [
  ['no key', 'ssl_certificate server.pem;'],
  ['a certificate that is not there', 'ssl_certificate no.pem; ssl_certificate_key server.key;'],
  ['a key that is not there', 'ssl_certificate server.pem; ssl_certificate_key no.key;'],
  ['a key of another certificate', 'ssl_certificate server.pem; ssl_certificate_key client.key;'],
  ['a certificate that is a key', 'ssl_certificate server.key; ssl_certificate_key server.key;'],
  ['unknown ciphers', 'ssl_ciphers nonsense;'],
  ['an unknown protocol', 'ssl_protocols TLSv9;'],
  ['verification without authorities', 'ssl_verify_client on;'],
  ['an unknown mode of verification', 'ssl_verify_client maybe;'],
  ['authorities that are not there', 'ssl_client_certificate no.pem; ssl_verify_client on;'],
  ['an invalid cache', 'ssl_session_cache nonsense;'],
  ['a cache that is too small', 'ssl_session_cache shared:x:1k;'],
  ['a cache without a size', 'ssl_session_cache shared:x;'],
  ['an invalid time-out', 'ssl_session_timeout x;'],
  ['a key of tickets of the wrong size', 'ssl_session_ticket_key server.pem;'],
  ['an unknown command', 'ssl_conf_command Nonsense yes;'],
  ['a command without a value', 'ssl_conf_command Options;'],
  ['an invalid depth', 'ssl_verify_depth x;'],
  ['an invalid size', 'ssl_buffer_size x;'],
  ['early data neither on nor off', 'ssl_early_data maybe;'],
  ['stapling neither on nor off', 'ssl_stapling 1;'],
  ['passwords that are not there', 'ssl_password_file none;'],
]

const refusals: readonly Case[] = settings.map(([name, text]) => {
  const own = text.includes('ssl_certificate ')
    ? ''
    : 'ssl_certificate server.pem; ssl_certificate_key server.key;'
  return {
    name: `refused: ${name}`,
    listen: 'ssl',
    server: `${own} ${text} location / { return 200; }`,
    refused: true,
  }
})

export const cases: readonly Case[] = [...handshakes, ...clients, ...names, ...refusals]

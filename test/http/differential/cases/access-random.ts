/** Random values, always the same ones, for what reads fields that clients write. */
import { Random } from '../../../support/random.ts'
import { type Case, get } from '../case.ts'

const random = new Random(20_261_122)
const requestsEach = 100

/** So many of the pieces in a row, at random. */
function row(
  countMax: number,
  pieces: readonly string[],
  between: readonly string[] = [''],
): string {
  const length = random.integer(1, countMax)
  return Array.from({ length }, () => random.pick(pieces) + random.pick(between)).join('')
}

const repeat = (make: () => string): string[] => Array.from({ length: requestsEach }, make)

const addresses = [
  ...['192.0.2.1', '10.1.1.1', '10.2.2.2:80', '198.51.100.7:443', '10.0.0.1:0', '10.0.0.1:65536'],
  ...['2001:db8::1', '[2001:db8::2]:90', '[2001:db8::2]', '::1', '[::1]', '::ffff:10.9.9.9'],
  ...[',', ' ', 'unknown', 'x', '1.2.3', '192.0.2.1:'],
]
const trusted =
  'set_real_ip_from 127.0.0.0/8; set_real_ip_from 10.0.0.0/8; set_real_ip_from 2001:db8::/32; set_real_ip_from 192.0.2.1;'
const forwarded = repeat(() => {
  const fields = Array.from({ length: random.integer(1, 2) }, () => row(6, addresses, ['', ', ']))
  return get('/', fields.map((value) => `X-Forwarded-For: ${value.trim()}\r\n`).join(''))
})
const ownPort: readonly (readonly [RegExp, string])[] = [[/127\.0\.0\.1\|\d+/g, '127.0.0.1|port']]

const words = ['a:b', 'a', ':', 'b', '#', ' ', 'c:', '{', '\r', 'é']
const credentials = repeat(() => {
  const encoded = Buffer.from(row(3, words)).toString('base64')
  const cut = encoded.slice(0, encoded.length - random.integer(0, 2))
  return get('/', `Authorization: ${random.pick(['Basic', 'basic', 'BASIC '])} ${cut}\r\n`)
})

const hosts = [
  ...[
    'http://',
    'https://',
    'HTTP://',
    'ftp://',
    'a.test',
    'b.a.test',
    'A.TEST',
    'example.',
    'com',
  ],
  ...['www.', 'x', 'google', '.google.', '/', '/gal/', ':80', '?', '.'],
]
const identifiers = [
  ...['uid=', 'UID=', 'uid', '=', ';', '; ', ',', ' ', 'x=y', '"', 'AAAA'],
  ...['fwAAAWaF1kt3gAAAAwMCAg==', 'fwAAAWaF1kt3gAAAAwMCAgk='],
]
const hashes = ['CD10rU3DBUHNWImnonZ0OQ', 'a', '==', '-', '_', '+', '%20', 'AAAAAAAAAAAAAAAAAAAAAA']
const expiries = ['1', '99999999999', 'x', '-1', '0', '4102444800', '']
const times = ['1', '9', '0', 'h', 'm', 's', 'd', 'w', 'M', 'y', '-', '+', 'max', 'off', 'epoch']

export const cases: readonly Case[] = [
  {
    name: 'X-Forwarded-For',
    server: `${trusted} real_ip_header X-Forwarded-For; return 200 "$remote_addr|$remote_port|$http_x_forwarded_for";`,
    requests: forwarded,
    mask: ownPort,
  },
  {
    name: 'X-Forwarded-For, recursive',
    server: `${trusted} real_ip_header X-Forwarded-For; real_ip_recursive on; return 200 "$remote_addr|$remote_port";`,
    requests: forwarded,
    mask: ownPort,
  },
  {
    name: 'credentials',
    server: 'auth_basic x; auth_basic_user_file {id}.users;',
    files: {
      'index.html': 'in',
      '/conf/{id}.users':
        'a:{PLAIN}b\n:{PLAIN}\nb:{PLAIN}\n#:{PLAIN}\n {PLAIN}\nc:{PLAIN}:\na:{PLAIN}a\n',
    },
    requests: credentials,
  },
  {
    name: 'user of the log',
    server: 'return 200 "$remote_user";',
    requests: credentials,
  },
  {
    name: 'Referer',
    server: `server_name me.test *.mine.test; valid_referers server_names blocked *.a.test example.* www.example.com/gal ~\\.google\\.;
      return 200 "<$invalid_referer>$http_referer";`,
    requests: repeat(() => get('/', `Referer: ${row(5, hosts)}\r\n`)),
  },
  {
    name: 'cookies of userid',
    server: 'userid log; return 200 "<$uid_got> <$cookie_uid>";',
    requests: repeat(() => get('/', `Cookie: ${row(4, identifiers)}\r\n`)),
  },
  {
    name: 'secure links',
    server: `secure_link $arg_m,$arg_e; secure_link_md5 "$arg_e$uri secret";
      return 200 "$secure_link|$secure_link_expires|$args";`,
    requests: repeat(() => get(`/s?m=${row(3, hashes)}&e=${random.pick(expiries)}`)),
  },
  {
    name: 'expires',
    server: 'expires $arg_e;',
    files: { 'index.html': 'page' },
    requests: repeat(() => get(`/?e=${row(4, times)}`)),
    mask: [
      [/now \+ \d+ s/g, 'then'],
      [/[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT/g, 'time'],
    ],
  },
]

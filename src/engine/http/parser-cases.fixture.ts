/**
 * Requests and what becomes of them: one table for the unit test, the fuzzer's seeds and the differential
 * run against nginx.
 */

export interface ParserCase {
  /** What it shows, with the clause it comes from. */
  readonly name: string
  readonly bytes: string
  /** 200 for a request that is taken. */
  readonly status: number
  /** Set where nginx answers otherwise, with the reason why we do not follow. */
  readonly nginx?: { readonly status: number; readonly why: string }
}

const laxLineEnds = 'RFC 9112 §2.2: a bare LF lets two peers see two requests'
const ignoresOddNames = 'nginx passes over a field whose name is no token; peers may not'

function get(rest: string): string {
  return `GET / HTTP/1.1\r\nHost: a\r\n${rest}\r\n`
}

/** Field lines and body of a POST. */
function post(fields: string, body = ''): string {
  return `POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}`
}

function chunked(body: string): string {
  return post('Transfer-Encoding: chunked\r\n', body)
}

const requestLines: readonly ParserCase[] = [
  { name: 'a plain request', bytes: get(''), status: 200 },
  { name: 'an empty line before (RFC 9112 2.2)', bytes: `\r\n${get('')}`, status: 200 },
  {
    name: 'a bare LF before',
    bytes: `\n${get('')}`,
    status: 400,
    nginx: { status: 200, why: laxLineEnds },
  },
  { name: 'white space before', bytes: ` ${get('')}`, status: 400 },
  { name: 'lower-case method', bytes: 'get / HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'method with a sign', bytes: 'GE!T / HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'no method', bytes: ' / HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'a method nobody knows', bytes: 'QUERY_X-Y / HTTP/1.1\r\nHost: a\r\n\r\n', status: 200 },
  {
    name: 'tab for a space (RFC 9112 3)',
    bytes: 'GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n',
    status: 400,
  },
  {
    name: 'two spaces before the target (RFC 9112 3)',
    bytes: 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n',
    status: 400,
    nginx: { status: 200, why: 'RFC 9112 §3 asks for a single space' },
  },
  {
    name: 'two spaces before the version (RFC 9112 3)',
    bytes: 'GET /  HTTP/1.1\r\nHost: a\r\n\r\n',
    status: 400,
    nginx: { status: 200, why: 'RFC 9112 §3 asks for a single space' },
  },
  {
    name: 'a space behind the version (RFC 9112 3)',
    bytes: 'GET / HTTP/1.1 \r\nHost: a\r\n\r\n',
    status: 400,
    nginx: { status: 200, why: 'RFC 9112 §3 has no white space there' },
  },
  { name: 'a space in the target', bytes: 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  {
    name: 'a fragment (RFC 9112 3.2)',
    bytes: 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n',
    status: 400,
    nginx: {
      status: 200,
      why: 'RFC 9112 §3.2: a target has no fragment, and peers cut it elsewhere',
    },
  },
  { name: 'NUL in the target', bytes: 'GET /a\0 HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  {
    name: 'a control character in the target',
    bytes: 'GET /a\x01 HTTP/1.1\r\nHost: a\r\n\r\n',
    status: 400,
  },
  { name: 'DEL in the target', bytes: 'GET /a\x7f HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  {
    name: 'bytes above ASCII in the target',
    bytes: 'GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n',
    status: 200,
  },
  {
    name: 'HTTP/0.9',
    bytes: 'GET /\r\n\r\n',
    status: 400,
    nginx: {
      status: 0,
      why: 'HTTP/0.9 has neither status nor length; nothing that lives speaks it',
    },
  },
  { name: 'HTTP/1.0 without Host', bytes: 'GET / HTTP/1.0\r\n\r\n', status: 200 },
  {
    name: 'HTTP/1.2 is taken as 1.1 (RFC 9110 2.5)',
    bytes: 'GET / HTTP/1.2\r\nHost: a\r\n\r\n',
    status: 200,
  },
  { name: 'HTTP/2.0', bytes: 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', status: 505 },
  { name: 'HTTP/0.9 with a version', bytes: 'GET / HTTP/0.9\r\nHost: a\r\n\r\n', status: 400 },
  {
    name: 'two digits in the version (RFC 9112 2.3)',
    bytes: 'GET / HTTP/1.11\r\nHost: a\r\n\r\n',
    status: 400,
    nginx: { status: 200, why: 'RFC 9112 §2.3: one digit' },
  },
  {
    name: 'lower-case version (RFC 9112 2.3)',
    bytes: 'GET / http/1.1\r\nHost: a\r\n\r\n',
    status: 400,
  },
  { name: 'another protocol', bytes: 'GET / ICY/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'no version number', bytes: 'GET / HTTP/\r\nHost: a\r\n\r\n', status: 400 },
  {
    name: 'the line ends with a bare LF (RFC 9112 2.2)',
    bytes: 'GET / HTTP/1.1\nHost: a\r\n\r\n',
    status: 400,
    nginx: { status: 200, why: laxLineEnds },
  },
  { name: 'a bare CR in the line', bytes: 'GET / HTTP/1.1\rHost: a\r\n\r\n', status: 400 },
  { name: 'asterisk form', bytes: 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'authority form', bytes: 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', status: 400 },
  { name: 'CONNECT with a path', bytes: 'CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n', status: 405 },
  { name: 'TRACE', bytes: 'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n', status: 405 },
  { name: 'absolute form', bytes: 'GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n', status: 200 },
  {
    name: 'absolute form without a path',
    bytes: 'GET http://a HTTP/1.1\r\nHost: a\r\n\r\n',
    status: 200,
  },
  {
    name: 'absolute form, query without a path',
    bytes: 'GET http://a?b HTTP/1.1\r\nHost: a\r\n\r\n',
    status: 200,
  },
  {
    name: 'absolute form in capitals',
    bytes: 'GET HTTP://A/ HTTP/1.1\r\nHost: a\r\n\r\n',
    status: 200,
  },
  {
    name: 'absolute form with another host than Host (RFC 9112 3.2.2)',
    bytes: 'GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n',
    status: 400,
    nginx: { status: 200, why: 'a peer in front may have chosen by the other name' },
  },
  {
    name: 'absolute form without a host',
    bytes: 'GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n',
    status: 400,
  },
  {
    name: 'absolute form of another scheme',
    bytes: 'GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n',
    status: 400,
    nginx: { status: 200, why: 'it is not for us: RFC 9110 §7.4 calls it misdirected' },
  },
  {
    name: 'a target that is no path',
    bytes: 'GET index.html HTTP/1.1\r\nHost: a\r\n\r\n',
    status: 400,
  },
  { name: 'a path above the root', bytes: 'GET /../x HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'a bad escape', bytes: 'GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'an escaped NUL', bytes: 'GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  {
    name: 'a request line too long',
    bytes: `GET /${'a'.repeat(9000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    status: 414,
  },
  {
    name: 'a request line nearly too long',
    bytes: `GET /${'a'.repeat(8000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    status: 200,
  },
]

const fields: readonly ParserCase[] = [
  { name: 'no Host (RFC 9112 3.2)', bytes: 'GET / HTTP/1.1\r\n\r\n', status: 400 },
  { name: 'two Host (RFC 9112 3.2)', bytes: get('Host: a\r\n'), status: 400 },
  { name: 'empty Host', bytes: 'GET / HTTP/1.1\r\nHost:\r\n\r\n', status: 400 },
  { name: 'Host with a port', bytes: 'GET / HTTP/1.1\r\nHost: a:80\r\n\r\n', status: 200 },
  { name: 'Host in capitals with a dot', bytes: 'GET / HTTP/1.1\r\nHost: A.\r\n\r\n', status: 200 },
  { name: 'Host of IPv6', bytes: 'GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n', status: 200 },
  { name: 'Host with a slash', bytes: 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', status: 400 },
  { name: 'Host with a space', bytes: 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', status: 400 },
  { name: 'Host with two dots', bytes: 'GET / HTTP/1.1\r\nHost: a..b\r\n\r\n', status: 400 },
  {
    name: 'Host with user information (RFC 9110 4.2.4)',
    bytes: 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n',
    status: 400,
    nginx: { status: 200, why: 'RFC 9110 §7.2: host and port, nothing else' },
  },
  {
    name: 'Host with a port that is none',
    bytes: 'GET / HTTP/1.1\r\nHost: a:x\r\n\r\n',
    status: 400,
    nginx: { status: 200, why: 'RFC 9110 §7.2: host and port, nothing else' },
  },
  { name: 'a space before the colon (RFC 9112 5.1)', bytes: get('A : b\r\n'), status: 400 },
  { name: 'a tab before the colon', bytes: get('A\t: b\r\n'), status: 400 },
  { name: 'obs-fold (RFC 9112 5.2)', bytes: get('A: b\r\n c\r\n'), status: 400 },
  { name: 'obs-fold with a tab', bytes: get('A: b\r\n\tc\r\n'), status: 400 },
  {
    name: 'white space before the first field (RFC 9112 2.2)',
    bytes: 'GET / HTTP/1.1\r\n Host: a\r\n\r\n',
    status: 400,
  },
  {
    name: 'a name that is no token',
    bytes: get('A(: b\r\n'),
    status: 400,
    nginx: { status: 200, why: ignoresOddNames },
  },
  {
    name: 'no name',
    bytes: get(': b\r\n'),
    status: 400,
  },
  {
    name: 'a line without colon',
    bytes: get('abc\r\n'),
    status: 400,
    nginx: { status: 200, why: ignoresOddNames },
  },
  { name: 'NUL in a name', bytes: get('A\0: b\r\n'), status: 400 },
  { name: 'NUL in a value (RFC 9110 5.5)', bytes: get('A: b\0c\r\n'), status: 400 },
  {
    name: 'a control character in a value',
    bytes: get('A: b\x01c\r\n'),
    status: 400,
    nginx: { status: 200, why: 'RFC 9110 §5.5: a field value has no control characters' },
  },
  { name: 'a tab in a value', bytes: get('A: b\tc\r\n'), status: 200 },
  { name: 'bytes above ASCII in a value', bytes: get('A: \xff\r\n'), status: 200 },
  { name: 'an empty value', bytes: get('A:\r\n'), status: 200 },
  { name: 'a bare CR in a value (RFC 9112 2.2)', bytes: get('A: b\rc\r\n'), status: 400 },
  {
    name: 'a bare LF ends a field',
    bytes: get('A: b\nB: c\r\n'),
    status: 400,
    nginx: { status: 200, why: laxLineEnds },
  },
  {
    name: 'a bare LF ends the head',
    bytes: 'GET / HTTP/1.1\r\nHost: a\r\n\n',
    status: 400,
    nginx: { status: 200, why: laxLineEnds },
  },
  { name: 'an underscore', bytes: get('A_b: c\r\n'), status: 200 },
  { name: 'a token with signs', bytes: get("A!#$%&'*+-.^`|~: c\r\n"), status: 200 },
  { name: 'a field too large', bytes: get(`A: ${'b'.repeat(9000)}\r\n`), status: 400 },
  { name: 'a field nearly too large', bytes: get(`A: ${'b'.repeat(8000)}\r\n`), status: 200 },
  {
    name: 'fields too large together',
    bytes: get(`A: ${'b'.repeat(7000)}\r\n`.repeat(5)),
    status: 400,
  },
  {
    name: 'fields nearly too large together',
    bytes: get(`A: ${'b'.repeat(7000)}\r\n`.repeat(4)),
    status: 200,
  },
]

const framing: readonly ParserCase[] = [
  { name: 'a body by length', bytes: post('Content-Length: 3\r\n', 'abc'), status: 200 },
  { name: 'an empty body by length', bytes: post('Content-Length: 0\r\n'), status: 200 },
  {
    name: 'two lengths (RFC 9112 6.3)',
    bytes: post('Content-Length: 3\r\nContent-Length: 4\r\n', 'abc'),
    status: 400,
  },
  {
    name: 'the same length twice',
    bytes: post('Content-Length: 3\r\nContent-Length: 3\r\n', 'abc'),
    status: 400,
  },
  { name: 'a list of lengths', bytes: post('Content-Length: 3, 3\r\n', 'abc'), status: 400 },
  { name: 'a length with a sign', bytes: post('Content-Length: +3\r\n', 'abc'), status: 400 },
  { name: 'a negative length', bytes: post('Content-Length: -1\r\n', 'abc'), status: 400 },
  { name: 'a hexadecimal length', bytes: post('Content-Length: 0x3\r\n', 'abc'), status: 400 },
  { name: 'an empty length', bytes: post('Content-Length: \r\n', 'abc'), status: 400 },
  {
    name: 'a length beyond reason',
    bytes: post('Content-Length: 99999999999999999999\r\n'),
    status: 400,
  },
  {
    name: 'length and chunks (RFC 9112 6.1)',
    bytes: post('Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    status: 400,
  },
  {
    name: 'chunks in HTTP/1.0',
    bytes: 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    status: 400,
  },
  { name: 'an encoding nobody knows', bytes: post('Transfer-Encoding: gzip\r\n'), status: 501 },
  { name: 'chunked behind gzip', bytes: post('Transfer-Encoding: gzip, chunked\r\n'), status: 501 },
  { name: 'identity', bytes: post('Transfer-Encoding: identity\r\n'), status: 501 },
  {
    name: 'chunked with a sign behind',
    bytes: post('Transfer-Encoding: chunked;a\r\n'),
    status: 501,
  },
  {
    name: 'chunked in capitals',
    bytes: post('Transfer-Encoding: CHUNKED\r\n', '0\r\n\r\n'),
    status: 200,
  },
  {
    name: 'chunked behind a vertical tab',
    bytes: post('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n'),
    status: 400,
    nginx: { status: 501, why: 'the control character is found first' },
  },
  {
    name: 'two encodings (RFC 9112 6.1)',
    bytes: post('Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n', '0\r\n\r\n'),
    status: 400,
  },
  {
    name: 'an encoding behind a space in its name',
    bytes: post('Transfer-Encoding : chunked\r\n', '0\r\n\r\n'),
    status: 400,
  },
]

const chunks: readonly ParserCase[] = [
  { name: 'chunks', bytes: chunked('3\r\nabc\r\n0\r\n\r\n'), status: 200 },
  {
    name: 'chunks with capitals and zeros',
    bytes: chunked('00A\r\n0123456789\r\n000\r\n\r\n'),
    status: 200,
  },
  {
    name: 'a chunk extension (RFC 9112 7.1.1)',
    bytes: chunked('3;a=b;c="d;\\"\r\n'.replace('\\"', '\\""') + 'abc\r\n0\r\n\r\n'),
    status: 200,
  },
  { name: 'trailers (RFC 9112 7.1.2)', bytes: chunked('0\r\nA: b\r\nC:\r\n\r\n'), status: 200 },
  { name: 'no size', bytes: chunked('\r\nabc\r\n0\r\n\r\n'), status: 400 },
  { name: 'a size that is no number', bytes: chunked('g\r\n'), status: 400 },
  { name: 'a size with a prefix', bytes: chunked('0x3\r\nabc\r\n0\r\n\r\n'), status: 400 },
  { name: 'a negative size', bytes: chunked('-1\r\n'), status: 400 },
  { name: 'a size beyond reason', bytes: chunked('fffffffffffffffff\r\n'), status: 400 },
  {
    name: 'white space behind the size',
    bytes: chunked('3 \r\nabc\r\n0\r\n\r\n'),
    status: 400,
    nginx: { status: 200, why: 'RFC 9112 §7.1: no white space there' },
  },
  { name: 'data longer than its size', bytes: chunked('3\r\nabcd\r\n0\r\n\r\n'), status: 400 },
  {
    name: 'data shorter than its size',
    bytes: chunked('4\r\nabc\r\n0\r\n\r\n'),
    status: 400,
    nginx: { status: 200, why: laxLineEnds },
  },
  {
    name: 'a bare LF behind the size',
    bytes: chunked('3\nabc\r\n0\r\n\r\n'),
    status: 400,
    nginx: { status: 200, why: laxLineEnds },
  },
  {
    name: 'a bare LF behind the data',
    bytes: chunked('3\r\nabc\n0\r\n\r\n'),
    status: 400,
    nginx: { status: 200, why: laxLineEnds },
  },
  {
    name: 'a bare CR in an extension',
    bytes: chunked('3;a\rb\r\nabc\r\n0\r\n\r\n'),
    status: 400,
  },
  {
    name: 'a bare LF in an extension',
    bytes: chunked('3;a\nabc\r\n0\r\n\r\n'),
    status: 400,
    nginx: { status: 200, why: laxLineEnds },
  },
  {
    name: 'NUL in an extension',
    bytes: chunked('3;\0\r\nabc\r\n0\r\n\r\n'),
    status: 400,
    nginx: { status: 200, why: 'nginx passes over extensions unread' },
  },
  {
    name: 'a trailer that is no field',
    bytes: chunked('0\r\nA b\r\n\r\n'),
    status: 400,
    nginx: { status: 200, why: 'nginx passes over trailers unread' },
  },
  {
    name: 'a folded trailer',
    bytes: chunked('0\r\nA: b\r\n c\r\n\r\n'),
    status: 400,
    nginx: { status: 200, why: 'nginx passes over trailers unread' },
  },
]

export const parserCases: readonly ParserCase[] = [
  ...requestLines,
  ...fields,
  ...framing,
  ...chunks,
]

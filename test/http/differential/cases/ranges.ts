/** Parts of files, and requests that depend on what the client has. */
import { type Case, get } from '../case.ts'

const text = '0123456789abcdefghijklmnopqrstuvwxyz'
const files = { 'f.txt': text, 'empty.txt': '', 'big.txt': 'x'.repeat(200_000) }
const lastModified = 'Fri, 02 Jan 2026 03:04:05 GMT'
const etag = '"695735a5-24"'

const ranges = (...values: string[]): string[] =>
  values.map((value) => get('/f.txt', `Range: ${value}\r\n`))
const asked = (...fields: string[]): string[] => fields.map((lines) => get('/f.txt', lines))
/** nginx ends a connection behind a 412 without saying so: say it first. */
const askedOnce = (...fields: string[]): string[] =>
  fields.map((lines) => get('/f.txt', `${lines}Connection: close\r\n`))

function of(name: string, requests: readonly string[], server = ''): Case {
  return { name, server, files, requests }
}

export const cases: readonly Case[] = [
  of('a whole file', [
    get('/f.txt'),
    get('/f.txt', '', 'HEAD'),
    get('/empty.txt'),
    get('/empty.txt', '', 'HEAD'),
  ]),
  of('from and to', ranges('bytes=0-0', 'bytes=0-9', 'bytes=10-19', 'bytes=35-35')),
  of('from on', ranges('bytes=0-', 'bytes=30-', 'bytes=35-')),
  of('the last bytes', ranges('bytes=-1', 'bytes=-10', 'bytes=-36', 'bytes=-100')),
  of(
    'beyond the end',
    ranges('bytes=30-100', 'bytes=36-', 'bytes=36-40', 'bytes=100-200', 'bytes=-0'),
  ),
  of('turned round', ranges('bytes=9-0', 'bytes=1-0')),
  of('white space', ranges('bytes= 0-1', 'bytes=0 -1', 'bytes=0- 1', ' bytes=0-1 ')),
  of('another unit', ranges('items=0-1', 'BYTES=0-1', 'bytes')),
  of('no numbers', ranges('bytes=', 'bytes=-', 'bytes=a-b', 'bytes=1', 'bytes=--1', 'bytes=1-2x')),
  of(
    'numbers beyond reason',
    ranges(
      'bytes=0-99999999999999999999',
      'bytes=99999999999999999999-',
      'bytes=-99999999999999999999',
    ),
  ),
  of('an empty file', [
    get('/empty.txt', 'Range: bytes=0-0\r\n'),
    get('/empty.txt', 'Range: bytes=-1\r\n'),
    get('/empty.txt', 'Range: bytes=0-\r\n'),
  ]),
  of('HEAD with a range', [
    get('/f.txt', 'Range: bytes=0-9\r\n', 'HEAD'),
    get('/f.txt', 'Range: bytes=99-\r\n', 'HEAD'),
  ]),
  of('a range of what is not there', [get('/none.txt', 'Range: bytes=0-1\r\n')]),
  of(
    'a range of a text by return',
    [get('/', 'Range: bytes=0-1\r\n')],
    'location / { return 200 "hello"; }',
  ),
  of('a range of a large file', [
    get('/big.txt', 'Range: bytes=100000-199998\r\n'),
    get('/big.txt', 'Range: bytes=-150000\r\n'),
  ]),
  of('max_ranges 0', ranges('bytes=0-1'), 'max_ranges 0;'),
  of('max_ranges 1 with one', ranges('bytes=0-1', 'bytes=-1'), 'max_ranges 1;'),
  of('max_ranges 1 with two', ranges('bytes=0-1,3-4'), 'max_ranges 1;'),
  {
    ...of('two ranges', ranges('bytes=0-1,3-4', 'bytes=0-0,-1')),
    mask: [[/\b\d{20}\b/g, '{boundary}']],
  },
  {
    ...of('ranges that overlap', ranges('bytes=0-5,3-8', 'bytes=0-,0-', 'bytes=0-35,0-35')),
    mask: [[/\b\d{20}\b/g, '{boundary}']],
  },
  {
    ...of(
      'some ranges within, some not',
      ranges('bytes=0-1,99-100', 'bytes=99-,0-1', 'bytes=99-,100-'),
    ),
    mask: [[/\b\d{20}\b/g, '{boundary}']],
  },
  {
    ...of(
      'ranges with white space and empty ones',
      ranges('bytes=0-1 , 3-4', 'bytes=0-1,,3-4', 'bytes=,0-1'),
    ),
    mask: [[/\b\d{20}\b/g, '{boundary}']],
  },
  of('If-Modified-Since of the same time', asked(`If-Modified-Since: ${lastModified}\r\n`)),
  of('If-Modified-Since later', asked('If-Modified-Since: Sat, 03 Jan 2026 03:04:05 GMT\r\n')),
  of('If-Modified-Since earlier', asked('If-Modified-Since: Thu, 01 Jan 2026 03:04:05 GMT\r\n')),
  of(
    'If-Modified-Since that is no date',
    asked('If-Modified-Since: yesterday\r\n', 'If-Modified-Since:\r\n'),
  ),
  of(
    'If-Modified-Since in older forms',
    asked(
      'If-Modified-Since: Friday, 02-Jan-26 03:04:05 GMT\r\n',
      'If-Modified-Since: Fri Jan  2 03:04:05 2026\r\n',
    ),
  ),
  of(
    'if_modified_since before',
    asked(
      'If-Modified-Since: Sat, 03 Jan 2026 03:04:05 GMT\r\n',
      'If-Modified-Since: Thu, 01 Jan 2026 03:04:05 GMT\r\n',
    ),
    'if_modified_since before;',
  ),
  of(
    'if_modified_since off',
    asked(`If-Modified-Since: ${lastModified}\r\n`),
    'if_modified_since off;',
  ),
  of(
    'If-None-Match',
    asked(`If-None-Match: ${etag}\r\n`, 'If-None-Match: "other"\r\n', 'If-None-Match: *\r\n'),
  ),
  of(
    'If-None-Match with a list',
    asked(`If-None-Match: "a", ${etag}, "b"\r\n`, 'If-None-Match: "a", "b"\r\n'),
  ),
  of('If-None-Match weak', asked(`If-None-Match: W/${etag}\r\n`)),
  of(
    'If-None-Match that is none',
    asked(
      'If-None-Match: abc\r\n',
      'If-None-Match:\r\n',
      `If-None-Match: ${etag.slice(0, -1)}\r\n`,
    ),
  ),
  of(
    'If-None-Match with If-Modified-Since',
    asked(
      `If-None-Match: "x"\r\nIf-Modified-Since: ${lastModified}\r\n`,
      `If-None-Match: ${etag}\r\nIf-Modified-Since: Thu, 01 Jan 2026 03:04:05 GMT\r\n`,
    ),
  ),
  of(
    'If-Match',
    askedOnce(
      `If-Match: ${etag}\r\n`,
      'If-Match: "other"\r\n',
      'If-Match: *\r\n',
      `If-Match: W/${etag}\r\n`,
    ),
  ),
  of(
    'If-Unmodified-Since',
    askedOnce(
      `If-Unmodified-Since: ${lastModified}\r\n`,
      'If-Unmodified-Since: Thu, 01 Jan 2026 03:04:05 GMT\r\n',
      'If-Unmodified-Since: x\r\n',
    ),
  ),
  of('If-Match with If-None-Match', asked(`If-Match: ${etag}\r\nIf-None-Match: ${etag}\r\n`)),
  of(
    'If-Range by tag',
    asked(
      `Range: bytes=0-1\r\nIf-Range: ${etag}\r\n`,
      'Range: bytes=0-1\r\nIf-Range: "other"\r\n',
      `Range: bytes=0-1\r\nIf-Range: W/${etag}\r\n`,
    ),
  ),
  of(
    'If-Range by date',
    asked(
      `Range: bytes=0-1\r\nIf-Range: ${lastModified}\r\n`,
      'Range: bytes=0-1\r\nIf-Range: Thu, 01 Jan 2026 03:04:05 GMT\r\n',
      'Range: bytes=0-1\r\nIf-Range: Sat, 03 Jan 2026 03:04:05 GMT\r\n',
    ),
  ),
  of('If-Range without Range', asked(`If-Range: ${etag}\r\n`)),
  of('If-Range that is neither', asked('Range: bytes=0-1\r\nIf-Range: x\r\n')),
  of('a range of what is not modified', asked(`Range: bytes=0-1\r\nIf-None-Match: ${etag}\r\n`)),
  of('conditions with HEAD', [get('/f.txt', `If-None-Match: ${etag}\r\n`, 'HEAD')]),
  of('etag off', [get('/f.txt'), get('/f.txt', `If-None-Match: ${etag}\r\n`)], 'etag off;'),
  of('POST to a file', [
    get('/f.txt', '', 'POST'),
    get('/f.txt', '', 'PUT'),
    get('/f.txt', '', 'DELETE'),
    get('/f.txt', '', 'OPTIONS'),
  ]),
  of(
    'conditions on an error page',
    [get('/x', `If-None-Match: ${etag}\r\n`)],
    'error_page 404 /f.txt;',
  ),
  of('a range of an error page', [get('/x', 'Range: bytes=0-1\r\n')], 'error_page 404 /f.txt;'),
]

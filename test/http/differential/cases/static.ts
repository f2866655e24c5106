/** Files and folders: which file is meant, how it is described, what folders are answered with. */
import { type Case, get, post } from '../case.ts'

const types = 'types { text/html html htm; text/plain txt; image/png png; application/json json; }'

/** Times of folders are those of the test. */
const folderTimes = [
  [/(\/<\/a> +)\d\d-\w{3}-\d{4} \d\d:\d\d/g, '$1TIME'],
  [/(directory", "mtime":")[^"]+/g, '$1TIME'],
  [/(<directory mtime=")[^"]+/g, '$1TIME'],
] as const

const tree = {
  'index.html': 'the index\n',
  'a.txt': 'a text\n',
  'b.html': '<p>b</p>\n',
  none: 'no ending\n',
  'x.unknown': 'unknown\n',
  'UPPER.TXT': 'upper\n',
  'two.txt.png': 'two\n',
  'dir/index.html': 'index of dir\n',
  'dir/inner.txt': 'inner\n',
  'empty/keep/.hidden': '',
  'with space/f g.txt': 'space\n',
}

function of(name: string, server: string, ...requests: string[]): Case {
  return { name, server: `${types} ${server}`, files: tree, requests }
}

/** nginx's list of a folder of names that need care. */
const listed = {
  'l/a.txt': 'a',
  'l/B.txt': 'bb',
  'l/b.txt': 'ccc',
  'l/sub/x': '',
  'l/10k': 'x'.repeat(10_240),
  'l/9999': 'x'.repeat(9_999),
  'l/10000': 'x'.repeat(10_000),
  'l/1m': 'x'.repeat(1_048_576),
  'l/1600k': 'x'.repeat(1_600_000),
  'l/.hidden': 'h',
  'l/a b&c<d>e"f': 'signs',
  'l/q?r#s%t:u;v=w+x@y': 'signs',
  'l/back\\slash': 'signs',
  'l/\u00fcml\u00e4ut': 'umlauts',
  [`l/${'n'.repeat(49)}`]: '49',
  [`l/${'n'.repeat(50)}`]: '50',
  [`l/${'n'.repeat(51)}`]: '51',
  [`l/${'d'.repeat(49)}/x`]: '',
  [`l/${'d'.repeat(50)}/x`]: '',
  [`l/${'\u00fc'.repeat(30)}`]: '60 bytes',
  [`l/${'&'.repeat(60)}`]: 'cut before it is escaped',
}

function lists(name: string, server: string, ...requests: string[]): Case {
  return { name, server, files: listed, requests, mask: folderTimes }
}

export const cases: readonly Case[] = [
  of('types by the ending', '', ...['/a.txt', '/b.html', '/none', '/x.unknown'].map((f) => get(f))),
  of('the ending in any case', '', get('/UPPER.TXT'), get('/two.txt.png')),
  of('default_type', 'default_type application/x-thing;', get('/none'), get('/x.unknown')),
  of('no default_type', 'default_type "";', get('/none'), get('/a.txt')),
  of('types of a location', 'location /dir { types { } default_type x/y; }', get('/dir/inner.txt')),
  of('an index', '', get('/'), get('/dir/'), get('/dir')),
  of('a folder without a slash', '', get('/dir?a=b'), get('/dir', '', 'HEAD'), post('/dir', 'x')),
  of('a folder with a space', '', get('/with%20space'), get('/with%20space/f%20g.txt')),
  of('a slash behind a file', '', get('/a.txt/'), get('/a.txt/x'), get('/index.html/')),
  of('nothing there', '', get('/nothing'), get('/nothing/'), get('/dir/nothing')),
  of('a folder without an index', '', get('/empty/'), get('/empty/keep/')),
  of('a name beyond all measure', '', get(`/${'n'.repeat(300)}`), get(`/${'n/'.repeat(900)}`)),
  of('methods', '', post('/a.txt', 'x'), get('/a.txt', '', 'PUT'), get('/a.txt', '', 'DELETE')),
  of('methods at folders', '', post('/', 'x'), get('/', '', 'PUT'), get('/empty/', '', 'DELETE')),
  of('HEAD', '', get('/a.txt', '', 'HEAD'), get('/', '', 'HEAD'), get('/nothing', '', 'HEAD')),
  of('several names of an index', 'index nothing.html inner.txt index.html;', get('/dir/')),
  of('an index that is an absolute path', 'index nothing /a.txt;', get('/dir/'), get('/nothing/')),
  of('an index with a variable', 'index $arg_i.txt index.html;', get('/dir/?i=inner'), get('/')),
  of(
    'an index goes through the locations',
    'location = /dir/index.html { return 200 "$uri $args"; }',
    get('/dir/?a=b'),
  ),
  of('an index that is a folder', 'index dir a.txt;', get('/')),
  of('no ETag', 'etag off;', get('/a.txt')),
  of('alias', 'location /al/ { alias {root}/dir/; }', get('/al/inner.txt'), get('/al/')),
  of('alias of a file', 'location = /al { alias {root}/a.txt; }', get('/al'), get('/al?x')),
  of(
    'alias with captures',
    'location ~ ^/al/(.+)$ { alias {root}/dir/$1; }',
    get('/al/inner.txt'),
    get('/al/none'),
  ),
  of(
    'alias of a folder without a slash',
    'location /al { alias {root}/dir; }',
    get('/al'),
    get('/al/'),
  ),
  of(
    'alias and a nested location',
    'location /al/ { alias {root}/; location /al/dir/ { etag off; } }',
    get('/al/dir/inner.txt'),
  ),
  of('root with a variable', 'location / { root {root}/$arg_r; }', get('/inner.txt?r=dir')),
  of('root in a location', 'location /dir/ { root {root}; index inner.txt; }', get('/dir/')),
  of('variables of files', 'location / { add_header X "$request_filename"; }', get('/a.txt')),
  of(
    'an error page that is a file',
    'error_page 404 /a.txt;',
    get('/nothing'),
    get('/nothing', 'If-None-Match: *\r\n'),
  ),
  of('an error page with its status', 'error_page 404 =200 /a.txt;', get('/nothing')),
  of('an error page for a POST', 'error_page 405 =200 /a.txt;', post('/b.html', 'x')),

  of(
    'try_files with a file',
    'location / { try_files $uri /a.txt; }',
    get('/b.html'),
    get('/none2'),
  ),
  of(
    'try_files with a folder',
    'location / { try_files $uri $uri/ =404; }',
    get('/dir'),
    get('/dir/'),
  ),
  of(
    'try_files with an ending',
    'location / { try_files $uri $uri.html =404; }',
    get('/b'),
    get('/c'),
  ),
  of('try_files and a status', 'location / { try_files $uri =410; }', get('/none2'), get('/a.txt')),
  of(
    'try_files and a location',
    'location / { try_files $uri @f; } location @f { return 200 "f $uri\\n"; }',
    get('/q?a=b'),
  ),
  of(
    'try_files and a query',
    'location / { try_files $uri /i?u=$uri; } location = /i { return 200 "$args\\n"; }',
    get('/q?a=b'),
  ),
  of('try_files of the server', 'try_files $uri /a.txt;', get('/b.html'), get('/none2')),
  of(
    'try_files under an alias',
    'location /al/ { alias {root}/dir/; try_files $uri /al/inner.txt =404; }',
    get('/al/x'),
    get('/al/index.html'),
  ),
  of('try_files of a folder that is a file', 'location / { try_files $uri/ =404; }', get('/a.txt')),
  of(
    'try_files takes the type of what it finds',
    'location / { try_files $uri.png $uri.txt =404; }',
    get('/a'),
    get('/two.txt'),
  ),
  of('try_files and a POST', 'location / { try_files $uri =404; }', post('/a.txt', 'x')),
  of('try_files goes round', 'location / { try_files /nope /nope2; }', get('/a.txt')),

  lists('a list', 'autoindex on;', get('/l/'), get('/l/', '', 'HEAD'), get('/l')),
  lists('a list with rounded sizes', 'autoindex on; autoindex_exact_size off;', get('/l/')),
  lists('a list of UTF-8', 'autoindex on; charset utf-8;', get('/l/')),
  lists('a list as JSON', 'autoindex on; autoindex_format json;', get('/l/'), get('/l/sub/')),
  lists('a list as XML', 'autoindex on; autoindex_format xml;', get('/l/'), get('/l/', '', 'HEAD')),
  lists(
    'a list as JSONP',
    'autoindex on; autoindex_format jsonp;',
    get('/l/?callback=f.g_1'),
    get('/l/'),
  ),
  lists(
    'a list as JSONP for a bad name',
    'autoindex on; autoindex_format jsonp;',
    get('/l/?callback=a%28b'),
    get('/l/?callback=a-b'),
    get('/l/?callback='),
  ),
  lists('a list of an empty folder', 'autoindex on;', get('/l/sub/')),
  lists('a list of nothing', 'autoindex on;', get('/none/'), get('/l/a.txt/'), post('/l/', 'x')),
  lists(
    'a list in a location',
    'location /x/ { alias {root}/l/; autoindex on; }',
    get('/x/'),
    get('/l/'),
  ),
  lists('a list and an index', 'autoindex on; index a.txt;', get('/l/'), get('/l/sub/')),
  lists(
    'random_index with one file',
    'location / { random_index on; } location = /l/sub/x { return 200 "$uri"; }',
    get('/l/sub/'),
  ),
  lists(
    'random_index of nothing',
    'location / { random_index on; }',
    get('/none/'),
    post('/none/', 'x'),
  ),

  of(
    'open_file_cache',
    'open_file_cache max=10;',
    get('/a.txt'),
    get('/a.txt'),
    get('/dir/'),
    get('/dir'),
    get('/none2'),
  ),
  of(
    'open_file_cache with errors',
    'open_file_cache max=2; open_file_cache_errors on;',
    get('/none2'),
    get('/none2'),
    get('/a.txt'),
    get('/b.html'),
    get('/index.html'),
  ),
  of(
    'open_file_cache used twice',
    'open_file_cache max=10; open_file_cache_min_uses 2;',
    get('/a.txt'),
    get('/a.txt'),
    get('/a.txt'),
  ),
  ...['max=0', 'inactive=1s', 'max=1 more', 'max=x', 'max=1 inactive=x'].map((args): Case => ({
    name: `open_file_cache ${args}`,
    server: `open_file_cache ${args};`,
    refused: true,
  })),
  { name: 'autoindex_format nobody knows', server: 'autoindex_format yaml;', refused: true },
  { name: 'root and alias', server: 'location /a { root a; alias b; }', refused: true },
  { name: 'root with itself', server: 'root /a/$document_root;', refused: true },
  { name: 'alias in a server', server: 'alias /a;', refused: true },
  { name: 'try_files with one argument', server: 'try_files /a;', refused: true },
  { name: 'try_files with a bad code', server: 'try_files /a =1000;', refused: true },
  { name: 'index of nothing', server: 'index;', refused: true },
  {
    name: 'what is said of files that are not there',
    server: 'location /l/ { autoindex on; }',
    files: tree,
    errorLog: 'error',
    requests: [get('/none2'), get('/dir/none/'), get('/l/'), get('/empty/')],
  },
]

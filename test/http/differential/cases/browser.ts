/** Which browsers are modern. */
import { type Case, get } from '../case.ts'

const agents = [
  '',
  'Mozilla/4.0 (compatible; MSIE 5.0; Windows)',
  'Mozilla/4.0 (compatible; MSIE 5.5; Windows)',
  'Mozilla/4.0 (compatible; MSIE 6.0; Windows) Opera 8.5',
  'Opera/9.20 (X11)',
  'Opera/8.0',
  'Opera9.0',
  'Mozilla/5.0 (X11; U; rv:1.8) Gecko/2005 Firefox/1.5',
  'Mozilla/5.0 (X11; U; rv:0.9.4) Gecko/2005',
  'Mozilla/5.0 (X11; U; rv:1.4) Gecko',
  'Mozilla/5.0 (X11; rv:1.2.3.4)',
  'Mozilla/5.0 (X11; rv:1.2.3)',
  'Mozilla/5.0 (X11; rv:1.10)',
  'Mozilla/5.0 (rv:1.x',
  'Mozilla/5.0 (X11; RV:9)',
  'rv:1.9',
  'Mozilla/5.0 (Macintosh; U) AppleWebKit/412 (KHTML, like Gecko) Safari/412',
  'Mozilla/5.0 (Macintosh; U) AppleWebKit/418 (KHTML, like Gecko) Safari/419.3',
  'Mozilla/5.0 (compatible; Konqueror/3.5; Linux) KHTML/3.5.5 (like Gecko)',
  'Mozilla/5.0 (compatible; Konqueror/2.2; Linux)',
  'Lynx/2.8',
  'Mozilla/4.7 [en]',
  'Mozilla/4',
  'Mozilla/0.9',
  'curl/7',
  'MSIE 9.0',
  'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxMSIE x',
  'Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2)',
]

const says = 'return 200 "$modern_browser|$ancient_browser|$msie";'
const requests = [get('/'), ...agents.map((agent) => get('/', `User-Agent: ${agent}\r\n`))]

export const cases: readonly Case[] = [
  { name: 'nothing is set', server: says, requests },
  {
    name: 'versions',
    server: `modern_browser msie 5.5; modern_browser gecko 1.0.0; modern_browser opera 9.0;
      modern_browser safari 413; modern_browser konqueror 3.0; ${says}`,
    requests,
  },
  {
    name: 'long versions, values of their own',
    server: `modern_browser gecko 1.2.3.4; modern_browser_value new; ancient_browser_value old; ${says}`,
    requests,
  },
  {
    name: 'unlisted',
    server: `modern_browser gecko 1.5; modern_browser unlisted; ancient_browser Lynx netscape4; ${says}`,
    requests,
  },
  {
    name: 'lists of inner blocks',
    server: `modern_browser gecko 1.5; ancient_browser Lynx;
      location /in { modern_browser unlisted; ${says} } location /an { ancient_browser curl; ${says} }`,
    requests: ['/in', '/an'].flatMap((path) =>
      agents.map((agent) => get(path, `User-Agent: ${agent}\r\n`)),
    ),
  },
  ...[
    'modern_browser foo 1.0',
    'modern_browser msie 1.x',
    'modern_browser unlisted 1',
    'ancient_browser',
  ].map((text): Case => ({ name: `${text} is refused`, server: `${text};`, refused: true })),
]

/** `modern_browser`, `ancient_browser`: whether the client's browser is one of old times. */
import { ConfError } from '../../conf/diagnostics.ts'
import type { ValueType } from '../../core/module.ts'
import { concat, text } from '../../modules/value-types.ts'
import { agentOf, isExplorer } from '../browser.ts'
import { defineHttpModule, type HttpModule } from '../module.ts'
import type { Request } from '../request.ts'

type BrowserName = 'opera' | 'msie' | 'gecko' | 'safari' | 'konqueror'

/** From which version on a browser is modern. */
interface ModernBrowser {
  readonly name: BrowserName
  readonly version: readonly number[]
}

export interface HttpBrowserConf {
  /** `unlisted`: whoever is on no list is modern. */
  readonly modern_browser: readonly (ModernBrowser | 'unlisted')[]
  readonly modern_browser_value: string
  /** Texts in `User-Agent`; `netscape4` stands for the first generations of Mozilla. */
  readonly ancient_browser: readonly string[]
  readonly ancient_browser_value: string
}

/** How each names itself, and behind how many characters; Opera stands first, as it used to name others too. */
const browsers: Readonly<Record<BrowserName, { readonly mark: RegExp; readonly from: number }>> = {
  opera: { mark: /Opera.?/, from: 0 },
  msie: { mark: /MSIE /, from: 25 },
  gecko: { mark: /rv:/, from: 13 },
  safari: { mark: /Safari\//, from: 13 },
  konqueror: { mark: /Konqueror\//, from: 25 },
}

const contexts = ['http', 'http.server', 'http.location'] as const

const modernBrowser: ValueType<readonly (ModernBrowser | 'unlisted')[]> = {
  describe: 'browser version | unlisted',
  parse: ([name = '', version]) => {
    if (version === undefined) {
      if (name === 'unlisted') return [name]
      throw new ConfError('invalid number of arguments in "modern_browser" directive')
    }
    if (!/^[\d.]*$/.test(version)) throw new ConfError(`invalid browser version "${version}"`)
    if (!isBrowserName(name)) throw new ConfError(`unknown browser name "${name}"`)
    return [{ name, version: parseVersion(version) }]
  },
}

function isBrowserName(name: string): name is BrowserName {
  return Object.hasOwn(browsers, name)
}

/** As far as it is one: `1.x` is 1. */
function parseVersion(version: string): readonly number[] {
  const [numbers = ''] = /^[\d.]*/.exec(version) ?? []
  return numbers.split('.').map(Number)
}

export const httpBrowser: HttpModule<HttpBrowserConf> = defineHttpModule<HttpBrowserConf>({
  id: 'http.browser',
  directives: {
    modern_browser: {
      contexts,
      args: [1, 2],
      syntax: 'modern_browser browser version | unlisted',
      value: modernBrowser,
      default: [],
      merge: concat,
      doc: 'Sets from which version on a browser is modern: msie, gecko, opera, safari, konqueror.',
    },
    modern_browser_value: {
      contexts,
      args: [1, 1],
      syntax: 'modern_browser_value string',
      value: text,
      default: '1',
      doc: 'Sets the value of $modern_browser.',
    },
    ancient_browser: {
      contexts,
      args: [1, Infinity],
      syntax: 'ancient_browser string ...',
      value: { describe: 'string ...', parse: (args) => args },
      default: [],
      merge: concat,
      doc: 'Names texts in "User-Agent" that tell an old browser, where unlisted ones are modern.',
    },
    ancient_browser_value: {
      contexts,
      args: [1, 1],
      syntax: 'ancient_browser_value string',
      value: text,
      default: '1',
      doc: 'Sets the value of $ancient_browser.',
    },
  },
  variables: {
    modern_browser: {
      get: (request) => (isModern(request) ? confOf(request).modern_browser_value : undefined),
      doc: 'Value of modern_browser_value, where the browser is modern.',
    },
    ancient_browser: {
      get: (request) => (isModern(request) ? undefined : confOf(request).ancient_browser_value),
      doc: 'Value of ancient_browser_value, where the browser is not modern.',
    },
    msie: {
      get: (request) => (isExplorer(agentOf(request)) ? '1' : undefined),
      doc: '"1" for Internet Explorer.',
    },
  },
})

function confOf({ location }: Request): HttpBrowserConf {
  return location.scope.conf(httpBrowser)
}

function isModern(request: Request): boolean {
  const { modern_browser: modern, ancient_browser: ancient } = confOf(request)
  const agent = agentOf(request)
  const listed = modern.filter((one) => one !== 'unlisted')
  for (const name of Object.keys(browsers) as BrowserName[]) {
    const wanted = listed.find((one) => one.name === name)?.version
    // Opera on no list is old: it is never taken for the browser that it names beside itself.
    if (wanted === undefined && (name !== 'opera' || listed.length === 0)) continue
    const version = versionOf(agent, name)
    if (version !== undefined) return wanted !== undefined && isAtLeast(version, wanted)
  }
  return modern.includes('unlisted') && !ancient.some((mark) => isMarked(agent, mark))
}

function versionOf(agent: string, name: BrowserName): readonly number[] | undefined {
  const { mark, from } = browsers[name]
  const rest = agent.slice(from)
  const match = mark.exec(rest)
  return match === null ? undefined : parseVersion(rest.slice(match.index + match[0].length))
}

function isAtLeast(version: readonly number[], wanted: readonly number[]): boolean {
  for (const [i, number] of wanted.entries()) {
    const own = version[i] ?? 0
    if (own !== number) return own > number
  }
  return true
}

function isMarked(agent: string, mark: string): boolean {
  return mark === 'netscape4' ? /^Mozilla\/[1-4]./.test(agent) : agent.includes(mark)
}

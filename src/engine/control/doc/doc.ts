/**
 * What `doc_api` serves below its location: the OpenAPI document, and a page to read and try it that needs
 * nothing from elsewhere.
 *
 * ```text
 *   /doc            → /doc/
 *   /doc/           the page
 *   /doc/swagger/   → /doc/
 *   /doc/openapi.json
 * ```
 */
import { readFileSync } from 'node:fs'
import { json, notFound } from '../api.ts'

/** Composes the handler; `openApi` is made once, `location` is where it is mounted. */
export function createDoc(
  openApi: Record<string, unknown>,
  location: string,
): (request: Request) => Response {
  const root = location.endsWith('/') ? location.slice(0, -1) : location
  const page = readFileSync(new URL('page.html', import.meta.url), 'utf8')
  return (request) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return notFound()
    const path = new URL(request.url).pathname.slice(root.length)
    switch (path) {
      case '/':
        return new Response(page, { headers: pageHeaders })
      case '/openapi.json':
        return json(200, openApi)
      case '':
      case '/swagger':
      case '/swagger/':
        return new Response(null, { status: 302, headers: { location: `${root}/` } })
      default:
        return notFound()
    }
  }
}

const pageHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  // The page talks to this server alone, and nothing may be framed around it.
  'content-security-policy':
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'",
}

/**
 * Status codes: the reason on the status line, and the page nginx sends when there is no better one.
 */

/** Statuses that nginx uses inside and that clients see as something else. */
export const statuses = {
  /** Close the connection without a word: `return 444`. */
  close: 444,
  /** The head of a request, or one of its lines, is too large. */
  headerTooLarge: 494,
  /** The client's certificate is not good, or not there. */
  badCertificate: 495,
  noCertificate: 496,
  /** Plain HTTP came to a port that wants TLS. */
  toHttps: 497,
  clientClosed: 499,
} as const

/** Statuses whose response is all in its `Location`. */
export const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

const reasons: Readonly<Record<number, string>> = {
  100: 'Continue',
  101: 'Switching Protocols',
  102: 'Processing',
  103: 'Early Hints',
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  206: 'Partial Content',
  301: 'Moved Permanently',
  302: 'Moved Temporarily',
  303: 'See Other',
  304: 'Not Modified',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Time-out',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Request Entity Too Large',
  414: 'Request-URI Too Large',
  415: 'Unsupported Media Type',
  416: 'Requested Range Not Satisfiable',
  421: 'Misdirected Request',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Temporarily Unavailable',
  504: 'Gateway Time-out',
  505: 'HTTP Version Not Supported',
  507: 'Insufficient Storage',
}

/** Where the page's title is not the reason; nginx shows its number for "canceled" as a 404. */
const titles: Readonly<Record<number, string>> = {
  302: '302 Found',
  401: '401 Authorization Required',
  498: '404 Not Found',
}

/** What is wrong more closely, where clients see 400. */
const notes: Readonly<Record<number, string>> = {
  494: 'Request Header Or Cookie Too Large',
  495: 'The SSL certificate error',
  496: 'No required SSL certificate was sent',
  497: 'The plain HTTP request was sent to HTTPS port',
}

const closing: ReadonlySet<number> = new Set([400, 413, 414, 495, 496, 497, 500, 501])

/** What the client sees for a status, inner ones included. */
export function visibleStatus(status: number): number {
  return status in notes ? 400 : status
}

/** `404 Not Found`; a status without a known reason stands alone with its space (RFC 9112 §4). */
export function statusText(status: number): string {
  return `${status} ${reasons[status] ?? ''}`
}

/** True for refusals after which the connection is not used again. */
export function closesConnection(status: number): boolean {
  return closing.has(status)
}

/** True for statuses that stand in the log only: nobody is there to be told, or nobody shall be. */
export function isSilent(status: number): boolean {
  return status === statuses.close || status === 408 || status === statuses.clientClosed
}

/** True when a page is sent for it where nobody gave another body. */
export function hasPage(status: number): boolean {
  if (status in notes || status in titles) return true
  return status >= 300 && status !== 304 && reasons[status] !== undefined
}

/** What keeps some browsers from showing a page of their own: `msie_padding`. */
const padding = '<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n'.repeat(6)

const pages = new Map<string, Buffer>()

/** nginx's page; `signature` is the product's name as `server_tokens` has it. */
export function statusPage(status: number, signature: string, padded: boolean): Buffer {
  const key = `${status} ${padded} ${signature}`
  const known = pages.get(key)
  if (known !== undefined) return known
  const text = renderPage(status, signature) + (padded ? padding : '')
  const page = Buffer.from(text, 'latin1')
  pages.set(key, page)
  return page
}

function renderPage(status: number, signature: string): string {
  const note = notes[status]
  const title = titles[status] ?? statusText(visibleStatus(status))
  const lines = [
    '<html>',
    `<head><title>${note === undefined ? title : `400 ${note}`}</title></head>`,
    '<body>',
    `<center><h1>${title}</h1></center>`,
    ...(note === undefined ? [] : [`<center>${note}</center>`]),
    `<hr><center>${signature}</center>`,
    '</body>',
    '</html>',
    '',
  ]
  return lines.join('\r\n')
}

/** The request line and the head, as a server that serves by name sees them. */
import { type Case, get } from '../case.ts'

export const cases: readonly Case[] = [
  {
    name: 'a text by return',
    server: 'return 200 "hello $request_uri";',
    requests: [get('/a?b=c'), get('/')],
  },
  { name: 'a directive nobody knows', server: 'no_such_directive on;', refused: true },
]

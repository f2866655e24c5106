/** Blocks of the HTTP module. */
import type { BlockRow } from '../core/module.ts'

export const coreBlocks: Readonly<Record<string, BlockRow>> = {
  http: {
    contexts: ['main'],
    args: [0, 0],
    syntax: 'http { ... }',
    opens: 'http',
    repeated: false,
    doc: 'Holds the configuration of HTTP.',
  },
  server: {
    contexts: ['http'],
    args: [0, 0],
    syntax: 'server { ... }',
    opens: 'http.server',
    repeated: true,
    doc: 'Configures a virtual server.',
  },
  location: {
    contexts: ['http.server', 'http.location'],
    args: [1, Infinity],
    syntax: 'location [ = | ~ | ~* | ^~ ] uri | (condition) { ... }',
    opens: 'http.location',
    repeated: true,
    doc: 'Configures what is done for a part of the paths, or for what a condition says; conditions come first.',
  },
  limit_except: {
    contexts: ['http.location'],
    args: [1, Infinity],
    syntax: 'limit_except method ... { ... }',
    opens: 'http.limit_except',
    repeated: true,
    doc: 'Configures what is done for all methods but those.',
  },
  types: {
    contexts: ['http', 'http.server', 'http.location'],
    args: [0, 0],
    syntax: 'types { mime-type ending ...; }',
    opens: 'free',
    repeated: true,
    doc: 'Maps endings of paths to types of responses.',
  },
}

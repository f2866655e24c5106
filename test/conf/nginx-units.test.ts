/**
 * Units beside real nginx: what one takes the other takes, and what is refused is refused in its words.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  choiceArgument,
  flagArgument,
  numberArgument,
  offsetArgument,
  parseFlag,
  parseNumber,
  parseOffset,
  parseSize,
  parseTimeMs,
  parseTimeSeconds,
  sizeArgument,
  timeMsArgument,
  timeSecondsArgument,
} from '../../src/engine/conf/units.ts'
import { askNginxAt } from '../support/nginx.ts'
import { makeTempPrefix } from '../support/temp-prefix.ts'

const confName = 'conf/nginx.conf'

interface Unit {
  readonly parse: (text: string) => unknown
  readonly refuse: (directive: string, text: string) => unknown
  /** One of nginx's directives that reads its argument so. */
  readonly directive: string
  /** Separated by "|". */
  readonly values: string
}

const units: readonly Unit[] = [
  {
    parse: parseSize,
    refuse: sizeArgument,
    directive: 'client_header_buffer_size',
    values: '1|8k|8K|1m|1M|1g|1kk|k||-1|1.5k| 1|+1|0x10|99999999999999999999',
  },
  {
    parse: parseOffset,
    refuse: offsetArgument,
    directive: 'client_max_body_size',
    values: '1|8k|1m|1g|1G|1t|g|1 k|9223372036854775808',
  },
  {
    parse: parseTimeMs,
    refuse: timeMsArgument,
    directive: 'send_timeout',
    values:
      '1|1s|1ms|500ms|1m|1h|1d|1w|1M|1y|1h30m|1h30|1m1h|1h1h|1s500ms|1ms5|1ms1s|ms|s|h||hm1|1hm|1S|1H' +
      '|-1|1.5s|99999999999999999999|1x|s1|1w2d3h4m5s6ms7|1ms 5|1s 1ms| 1ms|1 1ms',
  },
  {
    parse: parseTimeSeconds,
    refuse: timeSecondsArgument,
    directive: 'open_file_cache_valid',
    values:
      '1|1s|1ms|1m|1y|1M|1y2M3w4d5h6m7s|1M1y|1y1y|1M1w|1M1m|1s1|y||1Y| |1 | 1|1  |1h 1m|1h  1m|1 h|1h ' +
      '|1h 5 |1 1|1 1 |1s 5|1s 5 |1 1s|5 1h|1\t',
  },
  {
    parse: parseNumber,
    refuse: numberArgument,
    directive: 'keepalive_requests',
    values: '0|1|007|-1|1k||1.0|1e3|99999999999999999999',
  },
  {
    parse: parseFlag,
    refuse: flagArgument,
    directive: 'sendfile',
    values: 'on|off|On|OFF|yes|1||true|on ',
  },
  {
    parse: (text) => ['on', 'off', 'build'].includes(text.toLowerCase()) || undefined,
    refuse: (_, text) => choiceArgument(text, ['on', 'off', 'build']),
    directive: 'server_tokens',
    values: 'on|Build|no|',
  },
]

for (const { parse, refuse, directive, values } of units) {
  test(`${directive} takes and refuses what it does in nginx`, async (t) => {
    const prefix = makeTempPrefix(t)
    for (const value of values.split('|')) {
      prefix.write(confName, `events {} http { ${directive} "${value}"; }`)
      const { ok, messages } = await askNginxAt(prefix)
      assert.equal(parse(value) !== undefined, ok, JSON.stringify(value))
      const check = (): unknown => refuse(directive, value)
      if (ok) assert.doesNotThrow(check)
      else assert.throws(check, { message: messages[0]!.replace(/^\[emerg\] (.*) in .*$/, '$1') })
    }
  })
}

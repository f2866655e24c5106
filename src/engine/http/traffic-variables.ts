/** `$vts_*`: what was counted of the virtual server of a request. */
import type { TrafficZone } from '../modules/traffic/traffic-zone.ts'
import { cacheStatuses } from '../modules/traffic/traffic-row.ts'
import type { RequestVariables } from './module.ts'
import type { Request } from './request.ts'
import { serverTrafficName } from './traffic.ts'
import { figures } from './traffic-figures.ts'

/** Names of variables, and of the figures that they show. */
const shown: readonly (readonly [name: string, figure: string])[] = [
  ['request_counter', 'requestCounter'],
  ['in_bytes', 'inBytes'],
  ['out_bytes', 'outBytes'],
  ...[1, 2, 3, 4, 5].map((digit) => [`${digit}xx_counter`, `${digit}xx`] as const),
  ...cacheStatuses.map(
    (name) => [`cache_${name}_counter`, `cache${name[0]!.toUpperCase()}${name.slice(1)}`] as const,
  ),
  ['request_time_counter', 'requestMsecCounter'],
  ['request_time', 'requestMsec'],
]

type ZoneReader = (request: Request) => TrafficZone | undefined

export function trafficVariables(zoneOf: ZoneReader): RequestVariables {
  return Object.fromEntries(
    shown.map(([name, figure]) => {
      const read = figures.get(figure)!
      const get = (request: Request): string | undefined => {
        const traffic = zoneOf(request)?.servers.find('', serverTrafficName(request.server))
        return traffic && String(read(traffic, Date.now()))
      }
      return [
        `vts_${name}`,
        {
          get,
          volatile: true,
          doc: `${figure} of the server, as "vhost_traffic_status" counts it.`,
        },
      ]
    }),
  )
}

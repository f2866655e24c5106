/** `$vts_*`: what was counted of the virtual server of a request. */
import type { Traffic } from '../modules/traffic/traffic.ts'
import { type TrafficZoneConf, trafficZoneOf } from '../modules/traffic/traffic-zone.ts'
import { cacheStatuses } from '../modules/traffic/traffic-row.ts'
import type { RequestVariables } from './module.ts'
import type { Request } from './request.ts'
import { namelessServer } from './traffic.ts'
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

type ZoneReader = (request: Request) => TrafficZoneConf | undefined

export function trafficVariables(zoneOf: ZoneReader, timings: 2 = 2): RequestVariables {
  const trafficOf = (request: Request): Traffic | undefined => {
    const conf = zoneOf(request)
    if (conf === undefined) return undefined
    const { services } = request.connection.engine
    const { name } = request.server
    const zone = trafficZoneOf(services.zoneMemory, conf, timings)
    return zone.servers.find('', name === '' ? namelessServer : name)
  }
  return Object.fromEntries(
    shown.map(([name, figure]) => {
      const read = figures.get(figure)!
      const get = (request: Request): string | undefined => {
        const traffic = trafficOf(request)
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

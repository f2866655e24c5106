/** What the client's PROXY protocol header says: `$proxy_protocol_*`. */
import { formatHost } from '../net/address.ts'
import type { VariablePrefix } from '../core/variables.ts'
import { portOf } from './core-variables.ts'
import type { SessionVariables } from './module.ts'
import type { Session } from './session.ts'

export const proxyProtocolVariables: SessionVariables = {
  proxy_protocol_addr: { get: ({ facts }) => host(facts.proxyHeader?.source) },
  proxy_protocol_port: { get: ({ facts }) => port(facts.proxyHeader?.source) },
  proxy_protocol_server_addr: { get: ({ facts }) => host(facts.proxyHeader?.destination) },
  proxy_protocol_server_port: { get: ({ facts }) => port(facts.proxyHeader?.destination) },
}

const tlvPrefix = 'proxy_protocol_tlv_'

/** Types that have names (PROXY protocol §2.2). */
const tlvTypes: Readonly<Record<string, number>> = {
  alpn: 0x01,
  authority: 0x02,
  unique_id: 0x05,
  ssl: 0x20,
  netns: 0x30,
}

/** `$proxy_protocol_tlv_alpn`, `$proxy_protocol_tlv_0xea`. */
export const proxyProtocolTlvs: VariablePrefix<Session> = {
  prefix: tlvPrefix,
  get: ({ facts }, name) => {
    const key = name.slice(tlvPrefix.length)
    const type = /^0x[0-9a-f]{1,2}$/.test(key) ? Number(key) : tlvTypes[key]
    const tlv = facts.proxyHeader?.tlvs.find((one) => one.type === type)
    return tlv?.value.toString('latin1')
  },
}

function host(address: Parameters<typeof formatHost>[0] | undefined): string | undefined {
  return address === undefined ? undefined : formatHost(address)
}

function port(address: Parameters<typeof formatHost>[0] | undefined): string | undefined {
  return address === undefined ? undefined : portOf(address)
}

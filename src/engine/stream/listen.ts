/** `listen` as the stream subsystem takes it. */
import type { ValueType } from '../core/module.ts'
import { type Listen, type ListenGrammar, parseListen } from '../modules/listen.ts'

/** What the traffic of an address is like; it holds for the address as soon as one server asks for it. */
export type StreamTrait = 'ssl' | 'mesh' | 'proxy_protocol'

export type StreamListen = Listen<StreamTrait>

const grammar: ListenGrammar<StreamTrait> = {
  traits: ['ssl', 'mesh', 'proxy_protocol'],
  udp: true,
  defaultPort: undefined,
  unknown: (parameter) => `the invalid "${parameter}" parameter`,
}

export const listenType: ValueType<readonly StreamListen[]> = {
  describe: 'address:port [parameters]',
  parse: ([where = '', ...parameters]) => [parseListen(where, parameters, grammar)],
}

/** Dynamic servers of the http block; their locations are instructions of their own (reference §1b). */
import { defineVirtualServer, type VirtualServerKind } from './virtual-server.ts'

export const httpServer: VirtualServerKind = defineVirtualServer({
  subsystem: 'http',
  topic: '/ins/srv/',
  forbidden: new Set(['zone', 'location', 'ssl_ocsp', 'ssl_stapling', 'quic']),
  refusedOptions: {
    udp: 'udp should be added to addr_port, not listen option',
    quic: 'new vs with quic is not yet supported',
  },
})

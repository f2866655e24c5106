/**
 * Choosing the virtual server of a port by the variable `$mesh_server_name`, before TLS begins, so that
 * the chosen server's certificate is used. Without the variable, or a server of that name, the default
 * server of the port serves.
 */
import { variableName } from '../../core/variable-scope.ts'
import { defineStreamModule, type NoConf, type StreamModule } from '../module.ts'
import type { Session } from '../session.ts'
import { assign, streamSet } from './set.ts'

const variable = '$mesh_server_name'

export const streamDynServer: StreamModule<NoConf> = defineStreamModule<NoConf>({
  id: 'stream.dyn_server',
  loadNames: ['stream_dyn_server_module'],
  mustBeLoaded: true,
  directives: {},
  variables: {
    // What reads it finds it whether or not the configuration gives it a value.
    [variableName(variable)]: { get: () => undefined, changeable: true },
  },
  hooks: {
    access: (_conf, { scope, variables, node }) => {
      const slot = variables.use(variable, node)
      // "set" runs later, in preread; this one value is needed now.
      const own = scope.conf(streamSet).set.filter((one) => one.slot === slot)
      return (session) => {
        if (session.facts.meshSwitched) return 'declined'
        session.facts.meshSwitched = true
        for (const one of own) assign(session, one)
        chooseServer(session, session.get(slot))
        return 'declined'
      }
    },
  },
})

function chooseServer(session: Session, name: string | undefined): void {
  if (name === undefined || name === '') return
  const match = session.port.names.find(name.toLowerCase())
  if (match !== undefined) session.switchTo(match.server)
}

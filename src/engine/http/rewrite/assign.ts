/** `set $variable value`. */
import { ConfError } from '../../conf/diagnostics.ts'
import type { ValueEnv } from '../../core/module.ts'
import type { VariableDefinition, VariableHost } from '../../core/variables.ts'
import { proceed, type Step } from './script.ts'
import { compileTemplate } from './template.ts'

/** What a variable gives that some `set` writes, but none has for this request. */
export type Uninitialized = VariableDefinition<VariableHost>

export function parseSet(
  [variable = '', value = '']: readonly string[],
  env: ValueEnv,
  uninitialized: Uninitialized,
): Step {
  const { variables } = env
  if (variables === undefined) throw new ConfError('variables are not supported here')
  const slot = variables.declare(variable, uninitialized)
  const text = compileTemplate(value, env)
  return (request, run) => {
    const result = text.constant ?? text.evaluate(request, run.escapes)
    const write = request.variables.at(slot)?.set
    if (write === undefined) request.store(slot, result)
    else write(request, result)
    return proceed
  }
}

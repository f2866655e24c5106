/** Which loadable modules a configuration asks for, by the names they are known under. */
import { directives } from '../conf/block.ts'
import type { Directive } from '../conf/tree.ts'

/** `modules/njt_stream_dyn_server_module.so` → `stream_dyn_server_module` */
export function loadName(path: string): string {
  const file = path.slice(path.lastIndexOf('/') + 1)
  return file.replace(/\.so$/, '').replace(/^(?:njt|ngx)_/, '')
}

/** True when the configuration has a `load_module` for that name. */
export function loadsModule(tree: Directive, name: string): boolean {
  for (const node of directives(tree.block!)) {
    if (node.name === 'load_module' && loadName(node.args[0] ?? '') === name) return true
  }
  return false
}

/** Hooks that blocks with the same settings share the answers of. */

/**
 * A hook whose answer depends on the module's settings alone, and on `also` where that is given: it is
 * asked once for them. Most blocks set nothing of most modules, and so have one answer between them.
 */
export function bySettings<Conf extends object, Env, Answer>(
  hook: (conf: Conf, env: Env) => Answer,
  also?: (env: Env) => object,
): (conf: Conf, env: Env) => Answer {
  const usual = {}
  const answers = new WeakMap<object, WeakMap<Conf, { readonly answer: Answer }>>()
  return (conf, env) => {
    const byConf = answers.getOrInsertComputed(also?.(env) ?? usual, () => new WeakMap())
    return byConf.getOrInsertComputed(conf, () => ({ answer: hook(conf, env) })).answer
  }
}

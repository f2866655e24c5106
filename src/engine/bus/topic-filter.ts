/**
 * Topic filters of MQTT 3.1.1 (§4.7), and the shared subscriptions that brokers offer beside them.
 *
 * ```text
 *   /dyn/+          one level in place of +
 *   /ins/#          any levels, also none: matches /ins
 *   $share/g/FILTER one member of group g gets each message of FILTER
 * ```
 */

export const topicLimits = {
  /** MQTT's own limit of a string. */
  topicBytesMax: 65_535,
  levelsMax: 100,
} as const

export interface SharedFilter {
  readonly group: string
  readonly filter: string
}

/** A filter that can be asked quickly for many topics. */
export interface TopicMatcher {
  matches(topic: string): boolean
}

export function topicMatcher(filter: string): TopicMatcher {
  const levels = filter.split('/')
  if (!levels.includes('+') && levels.at(-1) !== '#')
    return { matches: (topic) => topic === filter }
  return { matches: (topic) => !isHiddenFrom(filter, topic) && matchLevels(levels, topic) }
}

/** The group and the filter within `$share/group/filter`; undefined for an ordinary filter. */
export function parseShared(filter: string): SharedFilter | undefined {
  const match = /^\$share\/([^/+#]+)\/(.+)$/.exec(filter)
  return match === null ? undefined : { group: match[1]!, filter: match[2]! }
}

/** What a message's topic is compared with: the filter without its group. */
export function withoutGroup(filter: string): string {
  return parseShared(filter)?.filter ?? filter
}

/** Why a filter is not one, or undefined. */
export function filterFault(filter: string): string | undefined {
  const fault = nameFault(filter)
  if (fault !== undefined) return fault
  const levels = filter.split('/')
  const hash = levels.findIndex((level) => level.includes('#'))
  if (hash !== -1 && (hash !== levels.length - 1 || levels[hash] !== '#')) {
    return '"#" must be the whole last level'
  }
  return levels.every((level) => level === '+' || !level.includes('+'))
    ? undefined
    : '"+" must be a whole level'
}

/** Why nothing can be published to a topic, or undefined. */
export function topicFault(topic: string): string | undefined {
  return /[+#]/.test(topic) ? 'a topic has no wildcards' : nameFault(topic)
}

/** [MQTT-4.7.2-1] A wildcard in the first level does not match topics that begin with `$`. */
export function isHiddenFrom(filter: string, topic: string): boolean {
  return topic.startsWith('$') && (filter.startsWith('+') || filter.startsWith('#'))
}

function nameFault(name: string): string | undefined {
  if (name === '') return 'it is empty'
  if (name.includes('\0')) return 'it holds a null character'
  if (Buffer.byteLength(name) > topicLimits.topicBytesMax) {
    return `it is longer than ${topicLimits.topicBytesMax} bytes`
  }
  if (name.split('/').length > topicLimits.levelsMax) {
    return `it has more than ${topicLimits.levelsMax} levels`
  }
  return undefined
}

function matchLevels(filter: readonly string[], topic: string): boolean {
  const levels = topic.split('/')
  for (const [index, wanted] of filter.entries()) {
    if (wanted === '#') return true
    if (index >= levels.length) return false
    if (wanted !== '+' && wanted !== levels[index]) return false
  }
  return filter.length === levels.length
}

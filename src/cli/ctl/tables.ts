/** Answers of control as people read them. */

interface HistoryAnswer {
  readonly entries: readonly {
    readonly revision: number
    readonly time: string
    readonly action: string
    readonly actor: string
    readonly peer: string | null
    readonly edits: readonly unknown[]
  }[]
}

interface TokensAnswer {
  readonly tokens: readonly {
    readonly id: string
    readonly name: string
    readonly scope: string
    readonly paths: readonly string[]
    readonly methods: readonly string[]
    readonly expires: string | null
  }[]
}

export function formatHistory(value: unknown): string {
  const { entries } = value as HistoryAnswer
  if (entries.length === 0) return 'nothing was changed yet'
  return formatTable(
    ['revision', 'time', 'actor', 'from', 'action', 'edits'],
    entries.map(({ revision, time, actor, peer, action, edits }) => {
      return [`${revision}`, time, actor, peer ?? '-', action, `${edits.length}`]
    }),
  )
}

export function formatTokens(value: unknown): string {
  const { tokens } = value as TokensAnswer
  if (tokens.length === 0) return 'there are no tokens'
  return formatTable(
    ['id', 'name', 'scope', 'expires', 'kept to'],
    tokens.map(({ id, name, scope, expires, paths, methods }) => {
      return [id, name, scope, expires ?? 'never', [...methods, ...paths].join(' ') || '-']
    }),
  )
}

/** A reply of success in its own words, anything else as JSON that can be read. */
export function formatValue(value: unknown): string {
  const { code, msg } = (value ?? {}) as { readonly code?: unknown; readonly msg?: unknown }
  return code === 0 && typeof msg === 'string' ? msg : JSON.stringify(value, null, 2)
}

function formatTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]!.length)))
  return [heads, ...rows]
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

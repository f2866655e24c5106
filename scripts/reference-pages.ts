/** The pages of `docs/reference/`: one for each module with directives, and an index. */
import type { AnyModule } from '../src/engine/core/module.ts'
import { type DirectiveEntry, entriesOf } from '../src/cli/directive-entries.ts'

export const referenceFolder = 'docs/reference'

/** Path, below the folder, to text. */
export function referencePages(modules: readonly AnyModule[]): ReadonlyMap<string, string> {
  const entries = entriesOf(modules)
  const pages = new Map([['README.md', indexPage(entries)]])
  for (const module of modules) {
    const own = entries.filter((entry) => entry.module === module.id)
    if (own.length > 0) pages.set(`${module.id}.md`, modulePage(module, own))
  }
  return pages
}

const note =
  'Made from the declarations in the code by `npm run reference`; `trijet help` prints the same.'

function indexPage(entries: readonly DirectiveEntry[]): string {
  const byName = Map.groupBy(entries, ({ name }) => name)
  const names = [...byName.keys()].toSorted()
  const rows = names.map((name) => {
    const own = byName.get(name)!
    const modules = own.map(({ module }) => `[${module}](${module}.md#${anchor(name)})`)
    return `| \`${name}\` | ${modules.join(', ')} |`
  })
  return (
    [
      '# Directives',
      `${names.length} directives. ${note}`,
      `| directive | module |\n|---|---|\n${rows.join('\n')}`,
      '',
    ]
      .join('\n\n')
      .trimEnd() + '\n'
  )
}

function modulePage(module: AnyModule, entries: readonly DirectiveEntry[]): string {
  return (
    [
      `# ${module.id}`,
      note,
      ...(module.mustBeLoaded === true ? [loadText(module)] : []),
      ...entries.map(section),
      ...variablesText(module),
    ].join('\n\n') + '\n'
  )
}

function loadText({ loadNames = [] }: AnyModule): string {
  return `These exist only after \`load_module modules/${loadNames[0]}.so;\`.`
}

function section({
  name,
  syntax,
  doc,
  fallback,
  contexts,
  mayRepeat,
  secret,
}: DirectiveEntry): string {
  const rows = [
    `| syntax | ${code(syntax)} |`,
    `| default | ${fallback === undefined ? '–' : code(fallback)} |`,
    `| context | ${contexts.join(', ')} |`,
    ...(mayRepeat ? ['| repeated | may stand more than once |'] : []),
    ...(secret === undefined ? [] : [`| secret | ${secret}; control shows it to admins alone |`]),
  ]
  return `## ${name}\n\n| | |\n|---|---|\n${rows.join('\n')}\n\n${doc}`
}

function variablesText({ variables = {} }: AnyModule): readonly string[] {
  const rows = Object.entries(variables as Readonly<Record<string, { readonly doc?: string }>>)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { doc }]) => `- \`$${name}\`${doc === undefined ? '' : `: ${doc}`}`)
  return rows.length === 0 ? [] : [`## Variables\n\n${rows.join('\n')}`]
}

/** In a table, a bar would end the cell. */
function code(text: string): string {
  return `\`${text.replaceAll('|', String.raw`\|`)}\``
}

/** As GitHub names the anchor of a heading. */
function anchor(name: string): string {
  return name.toLowerCase()
}

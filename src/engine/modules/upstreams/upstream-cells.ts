/**
 * Upstream groups by name, and what refers to them.
 *
 * A server refers to a *cell*, which lives across snapshots: when an `upstream` block changes, the cell is
 * pointed to the next version of the group at commit, and no server is compiled again. A target that is
 * no upstream block (`proxy_pass 127.0.0.1:80`) has a cell as well, for as long as some server names it.
 *
 * ```text
 *   'backend'        ─▶ cell ─▶ Group v3      block, 2 servers refer to it
 *   '127.0.0.1:80'   ─▶ cell ─▶ Group v1      no block, gone with the last server
 * ```
 */
import type { BlockDiff } from '../../conf/block.ts'
import type { Directive } from '../../conf/tree.ts'
import { PersistentMap } from '../../core/persistent-map.ts'
import type { Group } from '../../upstream/group.ts'
import type { GroupProber } from '../../upstream/health/group-prober.ts'
import type { Match } from '../../upstream/health/match-block.ts'
import type { KeepalivePool } from '../../upstream/keepalive-pool.ts'
import type { MemberWatch } from '../../upstream/member-watch.ts'
import type { UpstreamConfig } from '../../upstream/parse-upstream.ts'

export interface UpstreamCell {
  readonly name: string
  /** Set before the first session comes. */
  current: Group
  /** Keeps addresses up to date, where names of servers are looked up again and again. */
  watch: MemberWatch | undefined
  /** Connections that wait for their next request, where the group keeps any. */
  pool: KeepalivePool | undefined
  /** Checks the peers, where the group has checks. */
  prober: GroupProber | undefined
}

export interface UpstreamEntry {
  readonly cell: UpstreamCell
  /** The block that defines the group; `undefined` for a target that stands in a server only. */
  readonly node: Directive | undefined
  readonly config: UpstreamConfig
  /** Servers that refer to it. */
  readonly uses: number
}

/** What a module asks while a server is compiled. */
export interface UpstreamCells {
  /**
   * The cell of a target as `proxy_pass` names it; throws `ConfError` in nginx's words. What is found out
   * later, such as a host that nobody knows, is told of the directive `at`.
   */
  use(target: string, at?: Directive, options?: TargetOptions): UpstreamCell
}

export interface TargetOptions {
  /** Port of a target that is no block and names none, where the scheme has one. */
  readonly defaultPort?: number
}

/** The groups of one part. */
export class UpstreamTable {
  readonly entries: PersistentMap<UpstreamEntry>
  /** What good answers to checks are, by the names of their blocks. */
  readonly matches: ReadonlyMap<string, Match>

  constructor(
    entries: PersistentMap<UpstreamEntry> = PersistentMap.empty(),
    matches: ReadonlyMap<string, Match> = new Map(),
  ) {
    this.entries = entries
    this.matches = matches
  }

  /** The group of that name, for targets that are known only while serving. */
  find(name: string): Group | undefined {
    return this.cell(name)?.current
  }

  cell(name: string): UpstreamCell | undefined {
    return this.entries.get(name.toLowerCase())?.cell
  }

  /**
   * True when a group goes that servers may refer to, or what groups' checks may go by. Edits cannot take
   * away a group that is in use, so that only uses that are left have to be looked at then.
   */
  losesUsed({ removed, added }: BlockDiff, edits: boolean): boolean {
    return removed.some((node) => {
      if (node.name === 'match') return true
      if (edits || node.name !== 'upstream') return false
      const name = node.args[0]?.toLowerCase() ?? ''
      const again = added.some(
        (other) => other.name === 'upstream' && other.args[0]?.toLowerCase() === name,
      )
      return !again && (this.entries.get(name)?.uses ?? 0) > 0
    })
  }
}

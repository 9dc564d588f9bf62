/**
 * Which copies of pages this browser keeps, and which of them hold something no server has confirmed.
 *
 * A copy is an IndexedDB database; this list is a few small entries in `localStorage`, because it must be read at once:
 * before a copy is opened, when a refusal decides what becomes of it, when somebody signs out. A copy belongs to one
 * person, one page and one epoch of it, and its name says so: no other name is ever opened for them.
 *
 * Each tab writes marks of its own, so tabs never overwrite each other. A mark carries a count that grows with every
 * change; whoever confirms what a mark stands for removes it only if it has not grown meanwhile.
 */

export interface CopyOf {
  user: string
  page: string
  epoch: number
}

/** "Something here is unsaved": who says so, and the count it said it with. */
export interface Mark {
  readonly key: string
  readonly count: string
}

const PREFIX = 'collab-copy:'
const USED = 'collab-copy-used:'
const UNSAVED = 'collab-copy-unsaved:'

/** At most so many copies are kept, and none longer than this without being opened. */
export const MOST_COPIES = 50
export const KEPT_MS = 30 * 24 * 3_600_000

export function nameOf({ user, page, epoch }: CopyOf): string {
  return `${PREFIX}${encodeURIComponent(user)}:${page}:${epoch}`
}

/** What a name stands for; undefined for what is none of ours. */
export function readName(name: string): CopyOf | undefined {
  const [user, page, epoch, more] = name.startsWith(PREFIX) ? name.slice(PREFIX.length).split(':') : []
  if (!user || !page || !epoch || more !== undefined || !/^\d+$/.test(epoch)) return undefined
  try {
    return { user: decodeURIComponent(user), page, epoch: Number(epoch) }
  } catch {
    return undefined
  }
}

export class CopyList {
  constructor(
    private readonly storage: Storage,
    private readonly now: () => number = Date.now,
  ) {}

  /** Every copy and when it was last opened, in milliseconds. */
  all(): Map<string, number> {
    const found = new Map<string, number>()
    for (const key of this.keys(USED)) {
      const name = key.slice(USED.length)
      if (readName(name)) found.set(name, Number(this.storage.getItem(key)) || 0)
    }
    return found
  }

  /** The copy is opened now. Throws when the browser keeps nothing. */
  use(name: string): void {
    this.storage.setItem(USED + name, String(this.now()))
  }

  /** Throws when the browser keeps nothing. */
  mark(name: string, tab: string, count: number): void {
    this.storage.setItem(`${UNSAVED}${name}|${tab}`, String(count))
  }

  marks(name: string): Mark[] {
    return this.keys(`${UNSAVED}${name}|`).map((key) => ({ key, count: this.storage.getItem(key) ?? '' }))
  }

  unmark(marks: readonly Mark[]): void {
    for (const { key, count } of marks) if (this.storage.getItem(key) === count) this.storage.removeItem(key)
  }

  forget(name: string): void {
    this.storage.removeItem(USED + name)
    for (const { key } of this.marks(name)) this.storage.removeItem(key)
  }

  private keys(prefix: string): string[] {
    return Array.from({ length: this.storage.length }, (_, at) => this.storage.key(at) ?? '').filter((key) => key.startsWith(prefix))
  }
}

/**
 * The copies that must go: those of other people at once, unless they hold something unsaved; those nobody opened for
 * long; and the longest unused beyond the bound, those with nothing unsaved first.
 */
export function staleCopies(list: CopyList, me: string, now: number): string[] {
  const copies = [...list.all()].map(([name, usedAt]) => ({ name, usedAt, unsaved: list.marks(name).length > 0 }))
  const keeps = copies.filter(
    ({ name, usedAt, unsaved }) => now - usedAt < KEPT_MS && usedAt <= now + KEPT_MS && (unsaved || readName(name)?.user === me),
  )
  keeps.sort((one, other) => Number(other.unsaved) - Number(one.unsaved) || other.usedAt - one.usedAt)
  const kept = new Set(keeps.slice(0, MOST_COPIES))
  return copies.filter((copy) => !kept.has(copy)).map(({ name }) => name)
}

/** Copies of earlier epochs of a page: what they hold can no longer be sent. */
export function supersededCopies(list: CopyList, { user, page, epoch }: CopyOf): string[] {
  return [...list.all().keys()].filter((name) => {
    const other = readName(name)
    return other?.user === user && other.page === page && other.epoch !== epoch
  })
}

/** The list of this browser; undefined where nothing is kept. */
export function deviceList(): CopyList | undefined {
  try {
    return globalThis.indexedDB ? new CopyList(globalThis.localStorage) : undefined
  } catch {
    // Blocked storage throws when it is merely looked at.
    return undefined
  }
}

/** Remove a copy that is not open in this tab. Resolves when it is gone, or will be when other tabs have let go of it. */
export function deleteCopy(name: string): Promise<void> {
  return new Promise((resolve) => {
    try {
      const request = indexedDB.deleteDatabase(name)
      request.onsuccess = request.onerror = request.onblocked = () => resolve()
    } catch {
      resolve()
    }
  })
}

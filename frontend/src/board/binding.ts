/**
 * Keeps an Excalidraw scene and a Y.Doc the same, property by property.
 *
 * The Y.Doc is the truth. Each element is a Y.Map of its properties, so that two people who change different properties
 * of one shape both keep their change. `seen` holds, for each element, the shared properties as the scene last knew
 * them: what differs from it in the scene was changed here, what differs from it in the Y.Doc was changed elsewhere.
 * Elements somebody is working on here are held: what others change in them waits until the hand is lifted.
 *
 * Knows no React and no Excalidraw component, only what it needs of one (`Scene`).
 */
import * as Y from 'yjs'
import { SHARED_TYPES } from '../contract'
import { type Fields, fromFields, same, toFields, type Value } from './fields'

/** As much of an Excalidraw element as is needed here. */
export interface SceneElement {
  readonly id: string
  readonly type: string
  readonly version: number
  readonly versionNonce: number
  readonly isDeleted: boolean
}

/** As much of Excalidraw as is needed here. */
export interface Scene {
  /** All elements, deleted ones included. */
  elements(): readonly SceneElement[]
  /** Show these elements, in whatever order their index says, without a step in this person's undo history. */
  show(elements: readonly SceneElement[]): void
  /** Make a whole element from an unfinished one; nothing when it cannot be drawn. */
  finish(element: Readonly<Record<string, Value>>, previous: SceneElement | undefined): SceneElement | null
  /** Elements this person is working on at the moment, which must not change under their hand. */
  held(): ReadonlySet<string>
  /** A stroke that is still being drawn; it is shared when it is finished. */
  unfinished(): string | null
  /** So many elements could not be shared, because of their kind or size, and were taken back. */
  refused?(count: number): void
}

type DeepObserver = Parameters<Y.Map<unknown>['observeDeep']>[0]

/** How long the trace of a deleted element is kept, so that undo brings it back everywhere. */
const TOMBSTONE_MS = 24 * 60 * 60 * 1000
/** Property values and points in one update: a paste of thousands of elements travels in parts of about 250 KB. */
const TOGETHER = 10_000

type Change = [id: string, fields: Fields, was: Fields | undefined]

export class Binding {
  /** The shared properties of each element as the scene last knew them. */
  private readonly seen = new Map<string, Fields>()
  /** The version of each element that was last compared, to pass over what did not change. */
  private readonly compared = new Map<string, { version: number; nonce: number }>()
  /** Elements others changed while they were held here. */
  private readonly waiting = new Set<string>()
  /** Elements that are shown but not shared: strokes that others are drawing. */
  private ghosts: readonly SceneElement[] = []
  private readonly elements: Y.Map<Y.Map<unknown>>
  /** Elements of the Y.Doc that cannot be drawn, at present or at all. */
  private readonly unshowable = new Set<string>()
  /** Elements others changed that the scene does not show yet. */
  private readonly news = new Set<string>()
  private active = false
  private readOnly = false

  /**
   * Args:
   *     soon: Called when others changed something; must call `catchUp`, now or a little later together with more.
   */
  constructor(
    private readonly doc: Y.Doc,
    private readonly scene: Scene,
    private readonly now: () => number = Date.now,
    private readonly soon: () => void = () => this.catchUp(),
  ) {
    this.elements = doc.getMap(SHARED_TYPES.elements)
  }

  /** Show what is there and begin to follow changes. Call it once the Y.Doc has the server's content. */
  start(): void {
    this.active = true
    this.elements.observeDeep(this.onRemote as DeepObserver)
    this.refresh([...this.elements.keys()])
  }

  stop(): void {
    if (!this.active) return
    this.active = false
    this.elements.unobserveDeep(this.onRemote as DeepObserver)
  }

  /**
   * Whether this person's changes are not shared. What others change is shown all the same; what was changed here and
   * not shared is taken back, so that the scene never shows what nobody else can see.
   */
  setReadOnly(readOnly: boolean): void {
    this.readOnly = readOnly
    if (!this.active || !readOnly) return
    const ghosts = new Set(this.ghosts.map((ghost) => ghost.id))
    const changed = this.scene.elements().filter((element) => !ghosts.has(element.id) && this.differs(element))
    if (changed.length) this.bring(changed.map((element) => element.id))
  }

  /** Show what others changed since the last time. */
  catchUp(): void {
    const ids = [...this.news]
    this.news.clear()
    if (this.active && ids.length) this.refresh(ids)
  }

  /** Remove traces of what was deleted long ago. Only for people who may edit. */
  sweep(): void {
    const before = this.now() - TOMBSTONE_MS
    const old = [...this.elements].filter(([, element]) => {
      const at = element instanceof Y.Map ? element.get('deletedAt') : 0
      return element instanceof Y.Map && element.get('isDeleted') === true && typeof at === 'number' && at < before
    })
    if (!old.length) return
    this.doc.transact(() => old.forEach(([id]) => this.elements.delete(id)), this)
    old.forEach(([id]) => this.seen.delete(id))
  }

  /** The scene may have changed: share what was changed here. Writes nothing when nothing differs. */
  share(): void {
    if (!this.active) return
    const scene = this.scene.elements()
    if (this.readOnly) {
      this.removeForeign(scene)
      this.bringBack()
      this.release()
      return
    }
    const unfinished = this.scene.unfinished()
    const ghosts = new Set(this.ghosts.map((ghost) => ghost.id))
    const dirty: Change[] = []
    const refused: string[] = []
    for (const element of scene) {
      const { id, version, versionNonce: nonce } = element
      if (id === unfinished || !this.differs(element)) continue
      if (ghosts.has(id) && !this.seen.has(id)) continue
      const fields = toFields(element as unknown as Record<string, unknown>)
      if (fields && fromFields(id, fields)) {
        this.compared.set(id, { version, nonce })
        const was = this.seen.get(id)
        if (was ? !contains(was, fields) : fields['isDeleted'] !== true) dirty.push([id, fields, was])
      } else if (!element.isDeleted && !this.scene.held().has(id)) refused.push(id)
    }
    for (const part of inParts(dirty)) this.doc.transact(() => part.forEach((change) => this.write(...change)), this)
    if (refused.length) {
      this.bring(refused)
      this.scene.refused?.(refused.length)
    }
    this.bringBack()
    this.release()
  }

  /** An opened file replaces the scene, and what it lacks was not deleted: show it again beside the file's elements. */
  private bringBack(): void {
    const scene = this.scene.elements()
    if (scene.length >= this.seen.size) return
    const there = new Set(scene.map((element) => element.id))
    const lost = [...this.seen].filter(([id, fields]) => !there.has(id) && 'type' in fields && fields['isDeleted'] !== true)
    const hidden = lost.map(([id]) => id).filter((id) => !this.unshowable.has(id))
    if (hidden.length) this.bring(hidden)
  }

  /** What got into the scene of somebody who may not change it: a file dropped onto it, for one. */
  private removeForeign(scene: readonly SceneElement[]): void {
    const ghosts = new Set(this.ghosts.map((ghost) => ghost.id))
    const foreign = scene.filter(({ id }) => !this.seen.has(id) && !ghosts.has(id) && !this.compared.has(id))
    if (foreign.length) this.bring(foreign.map(({ id }) => id))
  }

  /** Whether an element is not what was last compared with the Y.Doc. */
  private differs({ id, version, versionNonce }: SceneElement): boolean {
    const compared = this.compared.get(id)
    return compared?.version !== version || compared.nonce !== versionNonce
  }

  /** Show strokes that others are drawing, instead of those shown before. Locked: nobody here takes hold of one. */
  showGhosts(ghosts: readonly Readonly<Record<string, unknown>>[]): void {
    const previous = new Map(this.ghosts.map((ghost) => [ghost.id, ghost]))
    const next = ghosts.flatMap((ghost) => {
      const id = ghost['id']
      if (typeof id !== 'string' || this.elements.has(id)) return []
      const fields = toFields(ghost)
      const element = fields && fromFields(id, { ...fields, isDeleted: false, locked: true })
      const finished = element && this.scene.finish(element, previous.get(id))
      return finished ? [finished] : []
    })
    if (!next.length && !this.ghosts.length) return
    const gone = new Set(this.ghosts.map((ghost) => ghost.id))
    this.ghosts = next
    const rest = this.scene.elements().filter((element) => !gone.has(element.id) || this.seen.has(element.id))
    this.scene.show([...rest, ...next])
  }

  private write(id: string, fields: Fields, was: Fields | undefined): void {
    const known = this.elements.get(id)
    const shared = known instanceof Y.Map ? known : new Y.Map<unknown>()
    const current = known instanceof Y.Map ? (shared.toJSON() as Record<string, unknown>) : {}
    const seen: Record<string, Value> = { ...was }
    for (const [name, value] of Object.entries(fields)) {
      if (known && was && same(was[name], value)) continue
      seen[name] = value
      if (!same(current[name], value)) shared.set(name, value)
    }
    if (fields['isDeleted'] !== was?.['isDeleted']) {
      if (fields['isDeleted']) shared.set('deletedAt', this.now())
      else if (known) shared.set('deletedAt', null)
    }
    // Somebody else's sweep may have removed the trace of what is being brought back here: share all of it again.
    if (shared !== known) this.elements.set(id, shared)
    this.seen.set(id, seen)
  }

  private readonly onRemote = (events: Y.YEvent<Y.Map<unknown>>[], transaction: Y.Transaction): void => {
    if (transaction.origin === this) return
    for (const event of events) {
      if (event.target === (this.elements as unknown)) event.changes.keys.forEach((_, id) => this.news.add(id))
      else if (typeof event.path[0] === 'string') this.news.add(event.path[0])
    }
    this.soon()
  }

  /** Bring what others changed into the scene, except what is held here. */
  private refresh(ids: readonly string[]): void {
    const held = this.scene.held()
    const free: string[] = []
    for (const id of ids) {
      if (held.has(id) && this.seen.has(id)) this.waiting.add(id)
      else free.push(id)
    }
    if (free.length) this.bring(free)
  }

  /** Let go of what is no longer held. */
  private release(): void {
    if (!this.waiting.size) return
    const held = this.scene.held()
    const free = [...this.waiting].filter((id) => !held.has(id))
    if (!free.length) return
    free.forEach((id) => this.waiting.delete(id))
    this.bring(free)
  }

  private bring(ids: readonly string[]): void {
    const scene = new Map(this.scene.elements().map((element) => [element.id, element]))
    const changed = new Map<string, SceneElement | null>()
    for (const id of ids) {
      const shared = this.elements.get(id)
      const previous = scene.get(id)
      if (!(shared instanceof Y.Map)) {
        // Swept: nobody sees it any more; for whoever still shows it, it is deleted.
        this.seen.delete(id)
        this.compared.delete(id)
        if (previous) changed.set(id, null)
        continue
      }
      const fields = shared.toJSON() as Record<string, unknown>
      const element = fromFields(id, fields)
      this.seen.set(id, (element ? fields : {}) as Fields)
      const finished = element ? this.scene.finish(element, previous) : null
      if (finished) this.unshowable.delete(id)
      else this.unshowable.add(id)
      if (finished) changed.set(id, finished)
      else if (previous) changed.set(id, null)
    }
    if (!changed.size) return
    const ghosts = new Set(this.ghosts.map((ghost) => ghost.id))
    this.ghosts = this.ghosts.filter((ghost) => !changed.has(ghost.id))
    const next = [...scene.values()].filter((element) => !changed.has(element.id))
    for (const [id, element] of changed) {
      if (!element) continue
      next.push(element)
      // What was brought in is not a change of this person's.
      if (!ghosts.has(id)) this.compared.set(id, { version: element.version, nonce: element.versionNonce })
      else this.compared.delete(id)
    }
    this.scene.show(next)
  }
}

/** Changes in groups that are small enough for one update each. */
function inParts(changes: readonly Change[]): Change[][] {
  const parts: Change[][] = []
  let room = 0
  for (const change of changes) {
    const { path } = change[1] as { path?: { points?: readonly unknown[] } }
    const size = Object.keys(change[1]).length + (path?.points?.length ?? 0)
    if (!parts.length || size > room) {
      parts.push([])
      room = TOGETHER
    }
    parts.at(-1)?.push(change)
    room -= size
  }
  return parts
}

/** Whether all of `fields` is in `was` with the same values. */
function contains(was: Fields, fields: Fields): boolean {
  return Object.entries(fields).every(([name, value]) => same(was[name], value))
}

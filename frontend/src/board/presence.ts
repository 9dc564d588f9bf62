/**
 * Others' cursors, selections and growing strokes: awareness on one side, Excalidraw's collaborators on the other.
 *
 * Who somebody is comes from `user`, which the server writes. All else was written by somebody else's program and is
 * checked here before Excalidraw sees it.
 */
import type { Awareness } from 'y-protocols/awareness'
import { MAX_COORDINATE, tidy, toFields } from './fields'

/** Smallest time between two messages of ours. */
const INTERVAL_MS = 33
const MAX_SELECTED = 50
/** A stroke with more points is thinned out on its way; the finished one has them all. */
const MAX_STROKE_POINTS = 300

export interface Cursor {
  readonly id: string
  readonly name: string
  readonly color: string
  readonly pointer?: { x: number; y: number; tool: 'pointer' | 'laser' }
  readonly button: 'up' | 'down'
  readonly selected: readonly string[]
}

export class BoardPresence {
  private next: Record<string, unknown> = {}
  private last = 0
  private timer: ReturnType<typeof setTimeout> | undefined
  private sent: Record<string, string> = {}

  constructor(private readonly awareness: Awareness) {}

  point(pointer: { x: number; y: number; tool: 'pointer' | 'laser'; button: 'up' | 'down' }): void {
    this.queue('pointer', { ...pointer, x: tidy(pointer.x), y: tidy(pointer.y) })
  }

  /** The mouse left the board: others see no cursor. */
  leave(): void {
    this.queue('pointer', null)
  }

  select(ids: readonly string[]): void {
    this.queue('selection', ids.slice(0, MAX_SELECTED))
  }

  /** Show the others the stroke that is being drawn; null when it is finished. */
  stroke(element: Readonly<Record<string, unknown>> | null): void {
    this.queue('stroke', element && thinned(element))
  }

  /** Everybody else's cursor, by awareness client. */
  cursors(): Map<string, Cursor> {
    const cursors = new Map<string, Cursor>()
    this.awareness.getStates().forEach((state, client) => {
      if (client === this.awareness.clientID) return
      const cursor = readCursor(state)
      if (cursor) cursors.set(String(client), cursor)
    })
    return cursors
  }

  /** Strokes others are drawing at this moment. */
  strokes(): Record<string, unknown>[] {
    const strokes: Record<string, unknown>[] = []
    this.awareness.getStates().forEach((state, client) => {
      const stroke: unknown = client === this.awareness.clientID ? null : state['stroke']
      if (typeof stroke !== 'object' || stroke === null || Array.isArray(stroke)) return
      const { id, type } = stroke as Record<string, unknown>
      if (type === 'freedraw' && typeof id === 'string' && id) strokes.push(stroke as Record<string, unknown>)
    })
    return strokes
  }

  destroy(): void {
    clearTimeout(this.timer)
  }

  private queue(field: string, value: unknown): void {
    this.next[field] = value
    if (this.timer) return
    this.timer = setTimeout(() => this.flush(), Math.max(0, this.last + INTERVAL_MS - Date.now()))
  }

  private flush(): void {
    this.timer = undefined
    const changed = Object.entries(this.next).filter(([field, value]) => JSON.stringify(value) !== this.sent[field])
    this.next = {}
    if (!changed.length) return
    this.last = Date.now()
    for (const [field, value] of changed) this.sent[field] = JSON.stringify(value)
    this.awareness.setLocalState({ ...this.awareness.getLocalState(), ...Object.fromEntries(changed) })
  }
}

function readCursor(state: Record<string, unknown>): Cursor | null {
  const user = state['user'] as Record<string, unknown> | undefined
  const { id, name, color } = user ?? {}
  if (typeof id !== 'string' || typeof name !== 'string' || typeof color !== 'string') return null
  if (!/^#[0-9a-f]{6}$/i.test(color)) return null
  const { pointer, selection } = state as { pointer?: unknown; selection?: unknown }
  const selected = Array.isArray(selection) ? selection.filter((one): one is string => typeof one === 'string') : []
  const cursor: Cursor = { id, name, color, button: 'up', selected: selected.slice(0, MAX_SELECTED) }
  if (typeof pointer !== 'object' || pointer === null) return cursor
  const { x, y, tool, button } = pointer as Record<string, unknown>
  if (!isPlace(x) || !isPlace(y)) return cursor
  return {
    ...cursor,
    button: button === 'down' ? 'down' : 'up',
    pointer: { x, y, tool: tool === 'laser' ? 'laser' : 'pointer' },
  }
}

/** A coordinate on the board. Farther out, a browser cannot draw a path any more. */
const isPlace = (value: unknown): value is number => typeof value === 'number' && Math.abs(value) <= MAX_COORDINATE

/** A stroke as it travels: shared properties only, and every so-many-th point when there are many. */
function thinned(element: Readonly<Record<string, unknown>>): Record<string, unknown> | null {
  const fields = toFields(element)
  const path = fields?.['path'] as { points: readonly unknown[]; pressures?: readonly unknown[] } | undefined
  if (!fields || !path) return null
  const every = Math.ceil(path.points.length / MAX_STROKE_POINTS)
  const keep = (_: unknown, at: number, all: readonly unknown[]) => at % every === 0 || at === all.length - 1
  const { path: _, ...rest } = fields
  return {
    ...rest,
    ...path,
    id: element['id'],
    points: path.points.filter(keep),
    ...(path.pressures ? { pressures: path.pressures.filter(keep) } : {}),
  }
}

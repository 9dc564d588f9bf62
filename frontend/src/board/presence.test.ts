import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { BoardPresence } from './presence'

let awareness: Awareness
let presence: BoardPresence
let sent: number

beforeEach(() => {
  vi.useFakeTimers()
  awareness = new Awareness(new Y.Doc())
  presence = new BoardPresence(awareness)
  sent = 0
  awareness.on('update', () => (sent += 1))
})

afterEach(() => {
  presence.destroy()
  awareness.destroy()
  vi.useRealTimers()
})

const at = (x: number) => ({ x, y: 0, tool: 'pointer' as const, button: 'up' as const })

describe('what is sent', () => {
  it('is at most one state every 33 ms, with the latest of everything', () => {
    for (let x = 0; x < 100; x += 1) {
      presence.point(at(x))
      presence.select([`shape-${x}`])
      vi.advanceTimersByTime(5)
    }
    vi.advanceTimersByTime(100)

    expect(sent).toBeLessThanOrEqual(500 / 33 + 2)
    expect(awareness.getLocalState()).toMatchObject({ pointer: { x: 99 }, selection: ['shape-99'] })
  })

  it('is nothing when nothing changed', () => {
    presence.select(['one'])
    vi.advanceTimersByTime(100)
    const before = sent
    presence.select(['one'])
    presence.stroke(null)
    vi.advanceTimersByTime(100)
    presence.stroke(null)
    vi.advanceTimersByTime(100)

    expect(sent - before).toBeLessThanOrEqual(1)
  })

  it('keeps what others put into the state', () => {
    awareness.setLocalState({ user: { id: 'u:1' } })
    presence.point(at(1))
    vi.advanceTimersByTime(100)

    expect(awareness.getLocalState()).toMatchObject({ user: { id: 'u:1' }, pointer: { x: 1 } })
  })

  it('is a stroke of at most some hundred points, first and last among them', () => {
    const points = Array.from({ length: 2_000 }, (_, step) => [step, step])
    presence.stroke({ id: 's', type: 'freedraw', x: 0, y: 0, width: 1, height: 1, points, pressures: [], simulatePressure: true, customData: {} })
    vi.advanceTimersByTime(100)

    const stroke = awareness.getLocalState()?.['stroke'] as { points: number[][] }
    expect(stroke.points.length).toBeLessThanOrEqual(302)
    expect([stroke.points[0], stroke.points.at(-1)]).toEqual([[0, 0], [1_999, 1_999]])
    expect(stroke).not.toHaveProperty('customData')
  })

  it('says that the mouse has left', () => {
    presence.point(at(1))
    vi.advanceTimersByTime(100)
    presence.leave()
    vi.advanceTimersByTime(100)

    expect(awareness.getLocalState()).toMatchObject({ pointer: null })
  })
})

describe('what others send', () => {
  const user = { id: 'u:2', name: 'Bob', color: '#3366cc' }
  const arrives = (state: unknown): void => void awareness.states.set(42, state as Record<string, unknown>)

  it('is a cursor with the name and colour that the server wrote', () => {
    arrives({ user, pointer: { x: 1, y: 2, tool: 'laser', button: 'down' }, selection: ['a', 7, null] })

    expect(presence.cursors().get('42')).toEqual({
      id: 'u:2',
      name: 'Bob',
      color: '#3366cc',
      button: 'down',
      selected: ['a'],
      pointer: { x: 1, y: 2, tool: 'laser' },
    })
  })

  it('is never our own', () => {
    awareness.setLocalState({ user })

    expect(presence.cursors().size).toBe(0)
  })

  it.each([
    {},
    { user: null },
    { user: 'Bob' },
    { user: { ...user, color: 'red;background:url(//evil)' } },
    { user: { ...user, name: { toString: 'x' } } },
  ])('is nobody without a user of the right shape: %j', (state) => {
    arrives(state)

    expect(presence.cursors().size).toBe(0)
  })

  it.each([5, 'x', [], { x: 'a', y: 1 }, { x: Number.NaN, y: 1 }, { x: Number.POSITIVE_INFINITY, y: 0 }, { x: 1e308, y: 0 }])('has no pointer when it is %j', (pointer) => {
    arrives({ user, pointer, selection: 'all' })

    expect(presence.cursors().get('42')).toEqual({ ...user, button: 'up', selected: [] })
  })

  it.each([5, 'x', [], null, { id: '', type: 'freedraw' }, { id: 's', type: 'text' }, { type: 'freedraw' }])('draws no stroke when it is %j', (stroke) => {
    arrives({ user, stroke })

    expect(presence.strokes()).toEqual([])
  })
})

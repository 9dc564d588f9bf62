import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { Binding } from './binding'
import { FakeScene } from './fake-scene'
import type { Value } from './fields'

const DAY = 24 * 60 * 60 * 1000

/** One person: a document, a scene and the binding between them. */
class Person {
  readonly doc = new Y.Doc()
  readonly scene = new FakeScene()
  readonly binding: Binding
  online = true
  updates = 0

  constructor(
    readonly name: string,
    now: () => number = () => 1_000,
  ) {
    this.binding = new Binding(this.doc, this.scene, now)
    this.doc.on('update', () => (this.updates += 1))
  }

  edit(id: string, change: Readonly<Record<string, Value>>): void {
    this.scene.edit(id, change)
    this.binding.share()
  }

  shared(): Record<string, Record<string, unknown>> {
    return this.doc.getMap('elements').toJSON() as Record<string, Record<string, unknown>>
  }

  /** Write past the binding, as a program with bad intentions does. */
  forge(id: string, fields: Record<string, unknown>): void {
    const map = new Y.Map<unknown>()
    for (const [name, value] of Object.entries(fields)) map.set(name, value)
    this.doc.getMap('elements').set(id, map)
  }
}

/** People whose documents are the same whenever `meet` was called. */
function people(...names: string[]): Person[] {
  const all = names.map((name) => new Person(name))
  all.forEach((one) => one.binding.start())
  return all
}

function meet(...all: Person[]): void {
  for (let round = 0; round < 2; round += 1) {
    for (const one of all) {
      for (const other of all) {
        if (one === other || !one.online || !other.online) continue
        Y.applyUpdate(other.doc, Y.encodeStateAsUpdate(one.doc, Y.encodeStateVector(other.doc)), 'network')
      }
    }
  }
}

function pair(): [Person, Person] {
  const [alice, bob] = people('Alice', 'Bob') as [Person, Person]
  alice.edit('shape', {})
  meet(alice, bob)
  return [alice, bob]
}

describe('two people at one shape', () => {
  it('keeps a new colour and a new place that were given at the same moment', () => {
    const [alice, bob] = pair()

    alice.edit('shape', { backgroundColor: '#ffc9c9' })
    bob.edit('shape', { x: 300, y: 400 })
    meet(alice, bob)

    for (const one of [alice, bob]) expect(one.scene.get('shape')).toMatchObject({ x: 300, y: 400, backgroundColor: '#ffc9c9' })
  })

  it('leaves a shape alone while it is in somebody’s hand, and catches up when it is let go', () => {
    const [alice, bob] = pair()

    bob.scene.hands.add('shape')
    bob.edit('shape', { x: 200 })
    alice.edit('shape', { backgroundColor: '#ffc9c9', x: 77 })
    meet(alice, bob)
    expect(bob.scene.get('shape')).toMatchObject({ x: 200, backgroundColor: 'transparent' })
    bob.edit('shape', { x: 250 })
    bob.scene.hands.clear()
    bob.binding.share()
    meet(alice, bob)

    for (const one of [alice, bob]) expect(one.scene.get('shape')).toMatchObject({ x: 250, backgroundColor: '#ffc9c9' })
  })

  it('lets a deletion win over a change, the same way for both', () => {
    const [alice, bob] = pair()

    alice.edit('shape', { isDeleted: true })
    bob.edit('shape', { x: 300 })
    meet(alice, bob)

    for (const one of [alice, bob]) expect(one.scene.get('shape')).toBeUndefined()
    alice.edit('shape', { isDeleted: false })
    meet(alice, bob)
    for (const one of [alice, bob]) expect(one.scene.get('shape')).toMatchObject({ x: 300 })
  })

  it('shows the order that the last one gave', () => {
    const [alice, bob] = pair()
    bob.edit('other', { index: 'a2' })
    meet(alice, bob)

    alice.edit('other', { index: 'a0V' })
    meet(alice, bob)

    for (const one of [alice, bob]) expect(one.scene.list.map(({ id }) => id)).toEqual(['other', 'shape'])
  })
})

describe('silence', () => {
  it('writes nothing when nothing differs, however often it is asked', () => {
    const [alice, bob] = pair()
    const before = [alice.updates, bob.updates]

    for (const one of [alice, bob]) {
      one.binding.share()
      one.edit('shape', {})
      one.binding.share()
    }

    expect([alice.updates, bob.updates]).toEqual(before)
  })

  it('does not answer a change of somebody else with one of its own', () => {
    const [alice, bob] = pair()
    const before = bob.updates

    alice.edit('shape', { x: 11.5 })
    meet(alice, bob)
    bob.binding.share()

    expect(bob.updates).toBe(before + 1)
    expect(bob.doc.store.clients.get(bob.doc.clientID)).toBeUndefined()
  })

  it('shares a stroke once, when it is finished', () => {
    const [alice] = people('Alice') as [Person]
    alice.scene.growing = 'stroke'
    const stroke = { type: 'freedraw', points: [[0, 0]] as Value, pressures: [] as Value, simulatePressure: true }
    for (let points = 1; points < 50; points += 1) {
      alice.edit('stroke', { ...stroke, points: Array.from({ length: points }, (_, at) => [at, at]) })
    }
    expect(alice.updates).toBe(0)

    alice.scene.growing = null
    alice.binding.share()

    expect(alice.updates).toBe(1)
    expect((alice.shared()['stroke']?.['path'] as { points: unknown[] }).points).toHaveLength(49)
  })
})

describe('deleted elements', () => {
  it('are forgotten after a day, and not before', () => {
    let now = 0
    const alice = new Person('Alice', () => now)
    alice.binding.start()
    alice.edit('shape', {})
    now = 1_000
    alice.edit('shape', { isDeleted: true })

    now = DAY
    alice.binding.sweep()
    expect(alice.shared()).toHaveProperty('shape')
    now = DAY + 1_001
    alice.binding.sweep()
    expect(alice.shared()).toEqual({})
  })

  it.each(['their own', 'somebody else’s'])('come back whole by an undo after %s sweep', (whose) => {
    let now = 1_000
    const alice = new Person('Alice', () => now)
    const bob = new Person('Bob', () => now)
    for (const one of [alice, bob]) one.binding.start()
    alice.edit('shape', { backgroundColor: '#ffc9c9' })
    alice.edit('shape', { isDeleted: true })
    meet(alice, bob)
    now += 2 * DAY
    const sweeper = whose === 'their own' ? alice : bob
    sweeper.binding.sweep()
    meet(alice, bob)

    alice.scene.edit('shape', { backgroundColor: '#ffc9c9', isDeleted: false })
    alice.binding.share()
    meet(alice, bob)

    for (const one of [alice, bob]) expect(one.scene.get('shape')).toMatchObject({ width: 100, backgroundColor: '#ffc9c9' })
  })
})

describe('somebody who may only look', () => {
  it('sees what others change and shares nothing', () => {
    const [alice, bob] = pair()
    bob.binding.setReadOnly(true)
    const before = bob.updates

    bob.edit('shape', { x: 999 })
    alice.edit('shape', { y: 5 })
    meet(alice, bob)

    expect(bob.updates).toBe(before + 1)
    expect(alice.scene.get('shape')).toMatchObject({ x: 10, y: 5 })
  })

  it('loses what was not shared when the right is lost in the middle of it', () => {
    const [alice, bob] = pair()
    bob.scene.growing = 'stroke'
    bob.edit('stroke', { type: 'freedraw', points: [[0, 0], [5, 5]], simulatePressure: true, pressures: [] })
    bob.scene.edit('shape', { x: 999 })

    bob.binding.setReadOnly(true)

    expect(bob.scene.list.map(({ id }) => id)).toEqual(['shape'])
    expect(bob.scene.get('shape')).toMatchObject({ x: 10 })
    meet(alice, bob)
    expect(alice.shared()).toEqual(bob.shared())
  })

  it('does not keep what a dropped file put into the scene', () => {
    const [, bob] = pair()
    bob.binding.setReadOnly(true)

    bob.scene.list = []
    bob.edit('from-a-file', {})

    expect(bob.scene.list.map(({ id }) => id)).toEqual(['shape'])
  })
})

describe('strokes that others are drawing', () => {
  const stroke = { id: 'stroke', type: 'freedraw', x: 0, y: 0, width: 9, height: 9, index: 'a5', simulatePressure: true, points: [[0, 0], [9, 9]] }

  it('are shown, locked, and never shared by those who see them', () => {
    const [alice, bob] = pair()
    bob.binding.showGhosts([stroke])
    expect(bob.scene.get('stroke')).toMatchObject({ locked: true })

    bob.edit('stroke', { strokeColor: '#ff0000' })
    bob.binding.share()
    expect(bob.shared()).toEqual(alice.shared())

    bob.binding.showGhosts([])
    expect(bob.scene.get('stroke')).toBeUndefined()
  })

  it('become the finished stroke, once', () => {
    const [alice, bob] = pair()
    bob.binding.showGhosts([stroke])
    alice.edit('stroke', { ...stroke, locked: false })
    meet(alice, bob)
    bob.binding.showGhosts([stroke])
    bob.binding.showGhosts([])
    bob.binding.share()

    expect(bob.scene.list.filter(({ id }) => id === 'stroke')).toHaveLength(1)
    expect(bob.scene.get('stroke')).toMatchObject({ locked: false })
    expect(bob.doc.store.clients.get(bob.doc.clientID)).toBeUndefined()
  })

  it('may be anything: what is no stroke is not shown', () => {
    const [, bob] = pair()
    bob.binding.showGhosts([{}, { id: 7, type: 'freedraw' }, { id: 'x' }, { ...stroke, points: 'no' }, { ...stroke, points: [[Number.NaN, 0]] }])

    expect(bob.scene.visible()).toHaveLength(1)
  })
})

describe('an opened file', () => {
  it('adds to the board and hides nothing', () => {
    const [alice, bob] = pair()

    bob.scene.list = []
    bob.edit('from-a-file', {})
    meet(alice, bob)

    for (const one of [alice, bob]) expect(one.scene.visible()).toHaveLength(2)
  })

  it('loses what a shared board does not take, and says so', () => {
    const [, bob] = pair()

    bob.edit('page', { type: 'embeddable', link: 'https://example.org' })
    bob.edit('far', { x: 1e300 })

    expect(bob.scene.taken).toBe(2)
    expect(bob.scene.list.map(({ id }) => id)).toEqual(['shape'])
  })

  it('travels in parts when it is large', () => {
    const [alice, bob] = pair()
    const before = alice.updates
    const points = Array.from({ length: 5_000 }, (_, at) => [at, at])
    for (let at = 0; at < 10; at += 1) alice.scene.edit(`stroke-${at}`, { type: 'freedraw', points, simulatePressure: true, pressures: [] })

    alice.binding.share()
    meet(alice, bob)

    expect(alice.updates - before).toBeGreaterThanOrEqual(5)
    expect(bob.scene.visible()).toHaveLength(11)
  })
})

describe('what other programs write', () => {
  const box = { type: 'rectangle', x: 0, y: 0, width: 10, height: 10 }
  const corpus: [string, Record<string, unknown>][] = [
    ['nothing at all', {}],
    ['an unknown kind', { ...box, type: 'iframe' }],
    ['a kind of the prototype', { ...box, type: 'constructor' }],
    ['a kind that is no text', { ...box, type: 7 }],
    ['no place', { type: 'rectangle', x: 0, y: 0 }],
    ['a place that is no number', { ...box, x: Number.NaN }],
    ['a place that is text', { ...box, x: '10' }],
    ['a place beyond everything', { ...box, y: Number.POSITIVE_INFINITY }],
    ['a size out of reach', { ...box, width: 1e12 }],
    ['a line without points', { type: 'line', path: { x: 0, y: 0, width: 1, height: 1, points: [] } }],
    ['a line with half a point', { type: 'line', path: { x: 0, y: 0, width: 1, height: 1, points: [[1]] } }],
    ['a line whose path is a list', { type: 'line', path: [] }],
    ['too many points', { type: 'line', path: { x: 0, y: 0, width: 1, height: 1, points: Array.from({ length: 20_001 }, () => [0, 0]) } }],
    ['text that is a number', { ...box, type: 'text', text: 5 }],
    ['text without end', { ...box, type: 'text', text: 'x'.repeat(100_001) }],
  ]

  it.each(corpus)('%s is never shown, and the rest of the board is', (_, fields) => {
    const [alice, bob] = pair()
    alice.forge('bad', fields)

    expect(() => meet(alice, bob)).not.toThrow()
    bob.edit('mine', {})
    bob.binding.share()

    expect(bob.scene.list.map(({ id }) => id)).toEqual(['mine', 'shape'])
    expect(bob.shared()).toHaveProperty('mine')
  })

  it('keeps an element and drops what it should not carry', () => {
    const [alice, bob] = pair()
    alice.forge('odd', {
      ...box,
      id: 'another',
      customData: { html: '<img src=x onerror=alert(1)>' },
      link: 'javascript:alert(1)',
      strokeColor: 'url(https://evil.example/)',
      opacity: -5,
      groupIds: 'all',
      boundElements: [{ id: 'shape', type: 'arrow' }],
      version: 1e9,
      __proto__x: 1,
    })
    meet(alice, bob)

    const { version: _, versionNonce: __, ...shown } = bob.scene.get('odd') ?? {}
    expect(shown).toEqual({ ...box, id: 'odd', isDeleted: false })
  })

  it('survives values where maps should be, and maps where values should be', () => {
    const [alice, bob] = pair()
    const elements = alice.doc.getMap('elements')
    for (const value of [1, 'text', null, [1, 2], { type: 'rectangle' }, new Y.Array(), new Y.Text('x'), new Uint8Array(3)]) {
      elements.set('bad', value)
      expect(() => meet(alice, bob)).not.toThrow()
      expect(() => bob.edit('shape', { x: Math.random() })).not.toThrow()
    }
    alice.forge('nested', { ...box, x: new Y.Map(), text: new Y.Text('deep') })
    expect(() => meet(alice, bob)).not.toThrow()
    ;((elements.get('nested') as Y.Map<unknown>).get('text') as Y.Text).insert(0, 'deeper')
    expect(() => meet(alice, bob)).not.toThrow()
    expect(bob.scene.visible()).toHaveLength(1)
  })
})

describe('three people who edit, hold, lose the connection and come back', () => {
  const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

  it(`see the same in the end (FUZZ_SEED=${seed})`, () => {
    for (let run = 0; run < 15; run += 1) fuzz(seed + run)
  })
})

function fuzz(seed: number): void {
  let state = seed
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const all = people('Alice', 'Bob', 'Mei')
  const colors = ['#ffc9c9', '#b2f2bb', '#a5d8ff']
  for (let step = 0; step < 200; step += 1) {
    const who = all[random(3)] as Person
    const id = `shape-${random(6)}`
    switch (random(9)) {
      case 0:
        who.online = !who.online
        break
      case 1:
        who.scene.hands.add(id)
        break
      case 2:
        who.scene.hands.clear()
        who.binding.share()
        break
      case 3:
        who.edit(id, { isDeleted: random(2) === 0 })
        break
      case 4:
        who.edit(id, { backgroundColor: colors[random(3)] ?? '' })
        break
      case 5:
        who.edit(id, { index: `a${random(10)}V` })
        break
      case 6:
        meet(...all)
        break
      default:
        who.edit(id, { x: random(1_000), y: random(1_000) })
    }
  }
  for (const one of all) {
    one.online = true
    one.scene.hands.clear()
    one.binding.share()
  }
  meet(...all)
  for (const one of all) one.binding.share()
  meet(...all)
  const [first, ...others] = all as [Person, ...Person[]]
  for (const other of others) {
    expect(other.shared(), `seed ${seed}`).toEqual(first.shared())
    expect(other.scene.visible(), `seed ${seed}`).toEqual(first.scene.visible())
  }
}

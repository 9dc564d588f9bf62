// Real Yjs, asked by tests in Python: one JSON request a line on standard input, one JSON answer a line on output.
// Updates travel as base64.
import { createInterface } from 'node:readline'
import * as Y from 'yjs'

const bytes = (text) => new Uint8Array(Buffer.from(text, 'base64'))
const text = (update) => Buffer.from(update).toString('base64')

/** A small seeded generator (mulberry32), so that a seed printed by a failing test repeats it. */
function random(seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
  const below = (limit) => Math.floor(next() * limit)
  return { below, pick: (list) => list[below(list.length)], chance: (share) => next() < share }
}

const WORDS = ['a', 'word', 'línea ', '字', '👍🏽', '\n', 'x'.repeat(300), '👍'.repeat(3)]
const VALUES = (rng) => [
  rng.below(1000) - 500,
  rng.below(2 ** 31) * 4,
  0.5,
  -0,
  1e300,
  true,
  false,
  null,
  'text 👍',
  [1, [2, ['three']], null],
  { a: 1, b: { c: [true, undefined] } },
  new Uint8Array([0, 1, 255]),
  { big: [1234567890123456789n, undefined] },
]

function edit(doc, rng) {
  const body = doc.getText('text')
  const map = doc.getMap('map')
  const list = doc.getArray('list')
  const xml = doc.getXmlFragment('xml')
  const at = (type) => rng.below(type.length + 1)
  const cut = (type) => {
    if (!type.length) return
    const start = rng.below(type.length)
    type.delete(start, Math.min(type.length - start, 1 + rng.below(4)))
  }
  const nested = () => rng.pick([() => new Y.Map(), () => new Y.Array(), () => new Y.Text('inner 👍')])()
  const grow = (type, depth = 0) => {
    if (type instanceof Y.Map) type.set(rng.pick(['k', 'l', 'm']), depth < 4 && rng.chance(0.4) ? nested() : rng.pick(VALUES(rng)))
    else if (type instanceof Y.Array) type.insert(at(type), [depth < 4 && rng.chance(0.3) ? nested() : rng.pick(VALUES(rng))])
    else if (type instanceof Y.Text) type.insert(at(type), rng.pick(WORDS))
  }
  const inside = (type) => {
    const children = type instanceof Y.Map ? [...type.values()] : type instanceof Y.Array ? type.toArray() : []
    const types = children.filter((one) => one instanceof Y.AbstractType)
    return types.length ? rng.pick(types) : type
  }
  rng.pick([
    () => body.insert(at(body), rng.pick(WORDS)),
    () => body.insert(at(body), rng.pick(WORDS), rng.pick([{ bold: true }, { bold: null }, { link: { href: 'https://a' } }])),
    () => body.length && body.format(rng.below(body.length), 1 + rng.below(3), { em: rng.pick([true, null, 'x']) }),
    () => body.insertEmbed(at(body), rng.pick([{ image: 'x' }, new Y.Map()])),
    () => cut(body),
    () => map.set(rng.pick(['a', 'b', 'c']), rng.pick(VALUES(rng))),
    () => map.set(rng.pick(['a', 'b', 'c']), nested()),
    () => map.delete(rng.pick(['a', 'b', 'c'])),
    () => map.set('sub', new Y.Doc({ meta: { x: 1 } })),
    () => list.insert(at(list), [rng.pick(VALUES(rng)), rng.pick(VALUES(rng))]),
    () => list.insert(at(list), [nested()]),
    () => grow(inside(list)),
    () => grow(inside(inside(map))),
    () => cut(list),
    () => {
      const element = new Y.XmlElement(rng.pick(['paragraph', 'heading']))
      element.setAttribute('level', rng.below(4))
      element.insert(0, [new Y.XmlText('in xml'), new Y.XmlElement('br')])
      xml.insert(at(xml), [element])
    },
    () => {
      const one = xml.length ? xml.get(rng.below(xml.length)) : null
      if (one instanceof Y.XmlElement) {
        const child = one.length ? one.get(rng.below(one.length)) : null
        if (child instanceof Y.XmlText) child.insert(at(child), rng.pick(WORDS), rng.chance(0.5) ? { code: true } : undefined)
        else one.setAttribute('level', rng.below(9))
      }
    },
    () => cut(xml),
  ])()
}

/** Several people on one document, exchanging updates late and in any order: every update, and the whole. */
function rich({ seed, clients, steps }) {
  const rng = random(seed)
  const docs = Array.from({ length: clients }, (_, number) => {
    const doc = new Y.Doc({ gc: rng.chance(0.5) })
    doc.clientID = number === 0 ? 2 ** 32 + rng.below(1000) : 1 + rng.below(2 ** 31)
    return doc
  })
  const updates = []
  const waiting = docs.map(() => [])
  const undo = new Y.UndoManager([docs[0].getText('text'), docs[0].getMap('map')])
  docs.forEach((doc, number) =>
    doc.on('update', (update, origin) => {
      if (origin === 'exchange') return
      updates.push(update)
      waiting.forEach((queue, other) => other !== number && queue.push(update))
    }),
  )
  for (let step = 0; step < steps; step += 1) {
    const number = rng.below(clients)
    docs[number].transact(() => {
      for (let edits = 1 + rng.below(3); edits > 0; edits -= 1) edit(docs[number], rng)
    })
    if (rng.chance(0.1)) rng.chance(0.5) ? undo.undo() : undo.redo()
    if (rng.chance(0.3)) undo.stopCapturing()
    waiting.forEach((queue, other) => {
      if (!rng.chance(0.4)) return
      const batch = queue.splice(0)
      if (rng.chance(0.3)) batch.reverse()
      if (rng.chance(0.3) && batch.length) Y.applyUpdate(docs[other], Y.mergeUpdates(batch), 'exchange')
      else batch.forEach((update) => Y.applyUpdate(docs[other], update, 'exchange'))
    })
  }
  const all = Y.mergeUpdates(updates)
  const whole = new Y.Doc()
  Y.applyUpdate(whole, all)
  const vectors = docs.map((doc) => Y.encodeStateVector(doc))
  return {
    updates: updates.map(text),
    merged: text(all),
    snapshot: text(Y.encodeStateAsUpdate(whole)),
    uncollected: text(Y.encodeStateAsUpdate(docs.find((doc) => !doc.gc) ?? whole)),
    vector: text(Y.encodeStateVector(whole)),
    diffs: vectors.map((vector) => text(Y.diffUpdate(all, vector))),
    partial: text(Y.mergeUpdates(updates.filter(() => rng.chance(0.6)))),
    v2: text(Y.encodeStateAsUpdateV2(whole)),
  }
}

/** Listen as editors do: they ask every event for all it can tell. */
function listen(doc) {
  doc.on('update', () => {})
  doc.on('updateV2', () => {})
  const roots = ['text', 'map', 'list', 'xml'].map((name) => declare(doc, name))
  roots.forEach((type) =>
    type.observeDeep((events) =>
      events.forEach((event) => {
        void event.path
        void event.changes.delta
        void event.changes.keys
        void event.delta
      }),
    ),
  )
  return new Y.UndoManager(roots, { trackedOrigins: new Set(['mine']) })
}

/**
 * Everything as JSON. A value where XML should be makes Yjs' own XML writer throw, on that node alone; which root is XML
 * no update says, so no server can know, and editors read node by node.
 */
function read(type) {
  try {
    type.toJSON()
  } catch (error) {
    if (!/YXml\w+\.toString/.test(error?.stack)) throw error
  }
}

/** What every client does with a document after an update. */
function use(doc, undo) {
  doc.getText('text').toDelta()
  read(doc.getText('text'))
  read(doc.getMap('map'))
  read(doc.getArray('list'))
  doc.getXmlFragment('xml').toArray()
  const whole = Y.encodeStateAsUpdate(doc)
  Y.encodeStateAsUpdateV2(doc)
  const fresh = new Y.Doc()
  for (const name of ['text', 'map', 'list', 'xml']) declare(fresh, name)
  Y.applyUpdate(fresh, whole)
  if (fresh.store.pendingStructs || fresh.store.pendingDs) throw new Error('a fresh document waits for something')
  Y.mergeUpdates([whole, whole])
  Y.diffUpdate(whole, Y.encodeStateVector(fresh))
  // And goes on working.
  doc.transact(() => {
    doc.getText('text').insert(0, 'more')
    doc.getText('text').format(0, doc.getText('text').length, { bold: true })
    doc.getMap('map').set('a', new Y.Map())
    doc.getArray('list').push([1])
    doc.getXmlFragment('xml').insert(0, [new Y.XmlElement('p')])
  }, 'mine')
  undo.undo()
  undo.redo()
  doc.transact(() => {
    for (const name of ['text', 'list', 'xml']) declare(doc, name).delete(0, declare(doc, name).length)
    doc.getMap('map').clear()
  })
  Y.encodeStateAsUpdate(doc)
}

function declare(doc, name) {
  return { text: () => doc.getText(name), map: () => doc.getMap(name), list: () => doc.getArray(name), xml: () => doc.getXmlFragment(name) }[name]()
}

/** Apply each update to a copy of a document of its own: null, or what Yjs threw. */
function apply({ base, updates }) {
  return updates.map((update) => {
    try {
      for (const gc of [true, false]) {
        const doc = new Y.Doc({ gc })
        for (const name of ['text', 'map', 'list', 'xml']) declare(doc, name)
        Y.applyUpdate(doc, bytes(base))
        const undo = listen(doc)
        Y.applyUpdate(doc, bytes(update))
        if (doc.store.pendingStructs || doc.store.pendingDs) return 'the document waits for something'
        use(doc, undo)
      }
      return null
    } catch (error) {
      return String(error?.stack ?? error)
    }
  })
}

/** Apply updates one after another to one document, and once more merged: null, or what Yjs threw and at which. */
function chain({ base, updates }) {
  for (const gc of [true, false]) {
    const doc = new Y.Doc({ gc })
    let at = -1
    try {
      for (const name of ['text', 'map', 'list', 'xml']) declare(doc, name)
      Y.applyUpdate(doc, bytes(base))
      const undo = listen(doc)
      for (const update of updates) {
        at += 1
        Y.applyUpdate(doc, bytes(update))
        if (doc.store.pendingStructs || doc.store.pendingDs) return `${at}: the document waits for something`
      }
      at = 'at the end'
      use(doc, undo)
      const whole = Y.mergeUpdates([base, ...updates].map(bytes))
      const fresh = new Y.Doc({ gc })
      const again = listen(fresh)
      at = 'merged'
      Y.applyUpdate(fresh, whole)
      if (fresh.store.pendingStructs || fresh.store.pendingDs) return 'merged: the document waits for something'
      use(fresh, again)
    } catch (error) {
      return `${at}: ${error?.stack ?? error}`
    }
  }
  return null
}

/** Update bytes that a single text edit makes, for tests that need one by name. */
function write({ client, base, edits }) {
  const doc = new Y.Doc()
  doc.clientID = client
  if (base) Y.applyUpdate(doc, bytes(base))
  const before = Y.encodeStateVector(doc)
  doc.transact(() => edits.forEach(([at, words]) => doc.getText('text').insert(at, words)))
  return text(Y.encodeStateAsUpdate(doc, before))
}

/** What people see: all shared types, as values. */
function shown(updates) {
  const doc = new Y.Doc()
  for (const name of ['text', 'map', 'list', 'xml']) declare(doc, name)
  for (const update of updates) Y.applyUpdate(doc, bytes(update))
  if (doc.store.pendingStructs || doc.store.pendingDs) return 'waits for something'
  // Yrs writes 0 for the number -0, and so does JSON.
  return JSON.stringify([
    doc.getText('text').toDelta(),
    [...doc.getMap('map').keys()].sort().map((key) => [key, plain(doc.getMap('map').get(key))]),
    doc.getArray('list').toArray().map(plain),
    doc.getXmlFragment('xml').toString(),
    [...Y.decodeStateVector(Y.encodeStateVector(doc))].sort(),
  ], inOrder)
}

/** Yrs writes the keys of an object in any order. */
function inOrder(key, value) {
  if (typeof value === 'bigint') return `${value}n`
  if (!value || typeof value !== 'object' || Array.isArray(value)) return value
  return Object.fromEntries(Object.keys(value).sort().map((name) => [name, value[name]]))
}

function plain(value) {
  if (value instanceof Y.Doc) return 'document'
  return value instanceof Y.AbstractType ? value.toJSON() : value
}

/** Whether people see the same in two pages, each given by its updates; and when not, both. */
function same({ one, other }) {
  const [first, second] = [shown(one), shown(other)]
  return first === second ? null : [first, second]
}

const COMMANDS = { same, rich, apply, chain, write }
// Yjs warns about types it cannot place; answers must be the only lines.
console.warn = console.log = (...words) => console.error(...words)
for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...request } = JSON.parse(line)
  process.stdout.write(JSON.stringify(COMMANDS[command](request)) + '\n')
}

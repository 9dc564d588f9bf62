/** The connection together with a copy of the page on this device. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { CollabProvider } from './collab-provider'
import { FakeServer } from './fake-server'
import type { PageCopy } from './page-copy'
import { MESSAGE_SYNC, SYNC_STEP_2, SYNC_UPDATE } from './wire'

/** A copy that says what a test tells it to. */
class FakeCopy implements PageCopy {
  loaded: Promise<void>
  load!: () => void
  complete = false
  leftUnsaved = false
  keeps = true
  marks = 0
  completed = vi.fn(async () => undefined)
  private listener = (): void => undefined

  constructor() {
    this.loaded = new Promise((resolve) => (this.load = resolve))
  }

  isSource(origin: unknown): boolean {
    return origin === this
  }

  markUnsaved(): void {
    this.marks += 1
  }

  markSaved(): void {
    this.marks = 0
  }

  on(_event: 'change', listener: () => void): void {
    this.listener = listener
  }

  off(): void {}

  change(keeps: boolean): void {
    this.keeps = keeps
    this.listener()
  }
}

let server: FakeServer
let doc: Y.Doc
let copy: FakeCopy
let provider: CollabProvider

const edit = (text = 'x'): void => doc.getText('t').insert(0, text)
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(2_000)
const kinds = (): number[] => server.last.frames.filter(([type]) => type === MESSAGE_SYNC).map(([, kind]) => kind!)

/** What an earlier tab wrote down comes into the document. */
async function load(text = '', has: Partial<Pick<FakeCopy, 'complete' | 'leftUnsaved'>> = {}): Promise<void> {
  const earlier = new Y.Doc()
  if (text) earlier.getText('t').insert(0, text)
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(earlier), copy)
  Object.assign(copy, has)
  copy.load()
  await vi.advanceTimersByTimeAsync(0)
}

beforeEach(() => {
  vi.useFakeTimers()
  server = new FakeServer()
  doc = new Y.Doc()
  copy = new FakeCopy()
  provider = new CollabProvider({
    url: 'ws://example.test/ws/pages/7d3f',
    doc,
    awareness: new Awareness(doc),
    readOnly: false,
    epoch: 1,
    copy,
    frameBytes: 1_000_000,
    SocketClass: server.SocketClass,
    random: () => 1,
  })
})

afterEach(() => {
  provider.destroy()
  vi.useRealTimers()
})

test('no connection is made before the copy is in the document, whoever is in a hurry', async () => {
  provider.hurry()
  provider.reconnect()
  expect(server.sockets).toHaveLength(0)
  await load()
  expect(server.sockets).toHaveLength(1)
})

test('a slow device does not hold up the connection, and nothing is called saved before it has answered', async () => {
  await vi.advanceTimersByTimeAsync(500)
  expect(server.sockets).toHaveLength(1)
  server.content.getText('t').insert(0, 'from the server')
  server.admit()
  server.last.saved(server.last.syncFrames)
  await settle()
  expect(doc.getText('t').toString()).toBe('from the server')
  expect(provider.status.kind).toBe('connecting')
  await load()
  await settle()
  expect(provider.status).toEqual({ kind: 'saved' })
  expect(server.sockets).toHaveLength(1)
})

test('what a slow device brings with it is sent and confirmed like everything else', async () => {
  await vi.advanceTimersByTimeAsync(500)
  server.admit()
  server.last.saved(server.last.syncFrames)
  await load('written offline', { leftUnsaved: true })
  expect(provider.unsaved).toBe(true)
  expect(server.sockets).toHaveLength(2)
  server.admit()
  server.last.applyTo(server.content)
  expect(server.content.getText('t').toString()).toBe('written offline')
  expect(provider.unsaved).toBe(true)
  server.last.saved(server.last.syncFrames)
  await settle()
  expect(provider.status).toEqual({ kind: 'saved' })
})

test('a complete copy is shown while the server is being asked, and called nothing better than that', async () => {
  let synced = false
  void provider.synced.then(() => (synced = true))
  await load('from here', { complete: true })
  expect(synced).toBe(true)
  expect(provider.status).toEqual({ kind: 'connecting', shown: true })
  server.admit()
  await settle()
  expect(provider.status.kind).not.toBe('saved')
  server.last.saved(server.last.syncFrames)
  await settle()
  expect(provider.status).toEqual({ kind: 'saved' })
  expect(copy.completed).toHaveBeenCalled()
})

test('a copy that was never complete is not taken for the page', async () => {
  let synced = false
  void provider.synced.then(() => (synced = true))
  await load('a part')
  expect(synced).toBe(false)
  server.admit()
  await settle()
  expect(synced).toBe(true)
})

test('what the server lacks is sent, and counts as unsaved until the server has confirmed it', async () => {
  await load('written offline', { complete: true, leftUnsaved: true })
  expect(provider.unsaved).toBe(true)
  server.admit()
  server.last.applyTo(server.content)
  expect(server.content.getText('t').toString()).toBe('written offline')
  await settle()
  expect(provider.status.kind).toBe('saving')
  server.last.saved(server.last.syncFrames - 1)
  expect(provider.unsaved).toBe(true)
  server.last.saved(server.last.syncFrames)
  await settle()
  expect(provider.unsaved).toBe(false)
  expect(provider.status).toEqual({ kind: 'saved' })
})

test('a page whose server never answers is offline after three seconds, with its copy to work on', async () => {
  await load('there', { complete: true })
  await vi.advanceTimersByTimeAsync(3_100)
  expect(provider.status).toEqual({ kind: 'offline', unsaved: false, kept: true })
  edit()
  await settle()
  expect(provider.status).toEqual({ kind: 'offline', unsaved: true, kept: true })
  expect(copy.marks).toBe(1)
})

test('a device that stops keeping is not said to keep', async () => {
  await load()
  server.admit()
  server.last.saved(server.last.syncFrames)
  server.last.drop(1006)
  edit()
  await settle()
  expect(provider.status).toEqual({ kind: 'offline', unsaved: true, kept: true })
  copy.change(false)
  await settle()
  expect(provider.status).toEqual({ kind: 'offline', unsaved: true, kept: false })
})

test('marks go when everything is confirmed, and not before', async () => {
  await load()
  server.admit()
  server.last.saved(server.last.syncFrames)
  edit()
  edit()
  server.last.saved(server.last.syncFrames - 1)
  expect(copy.marks).toBe(2)
  server.last.saved(server.last.syncFrames)
  expect(copy.marks).toBe(0)
})

test('marks stay for what the server refused, whatever else it confirms', async () => {
  await load()
  server.admit()
  edit()
  server.last.notice({ kind: 'read-only' })
  server.last.saved(server.last.syncFrames)
  expect(provider.unsaved).toBe(true)
  expect(copy.marks).toBe(1)
})

test('what another tab wrote down is passed on, and is not this tab’s to mark', async () => {
  await load()
  server.admit()
  server.last.saved(server.last.syncFrames)
  const other = new Y.Doc()
  other.getText('t').insert(0, 'other tab')
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(other), copy)
  expect(copy.marks).toBe(0)
  expect(kinds().at(-1)).toBe(SYNC_UPDATE)
})

test('edits made before the server has asked go with the answer', async () => {
  await load('there', { complete: true })
  edit('early ')
  server.last.open()
  edit('soon ')
  expect(kinds()).not.toContain(SYNC_UPDATE)
  server.last.notice({ kind: 'role', role: 'editor', epoch: 1 })
  server.last.handshake(server.content)
  expect(kinds()).toContain(SYNC_STEP_2)
  expect(kinds()).not.toContain(SYNC_UPDATE)
  server.last.applyTo(server.content)
  expect(server.content.getText('t').toString()).toBe('soon early there')
  edit('later ')
  expect(kinds().at(-1)).toBe(SYNC_UPDATE)
})

test('nothing of one epoch reaches the page of another', async () => {
  await load('of the first epoch', { complete: true, leftUnsaved: true })
  server.last.open()
  edit('more ')
  const socket = server.last
  socket.notice({ kind: 'role', role: 'editor', epoch: 2 })
  socket.handshake(server.content)
  expect(provider.status).toEqual({ kind: 'refused', reason: 'replaced', unsaved: true })
  socket.applyTo(server.content)
  expect(server.content.getText('t').toString()).toBe('')
})

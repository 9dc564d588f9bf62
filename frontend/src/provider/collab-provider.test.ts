import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { CollabProvider } from './collab-provider'
import { FakeServer } from './fake-server'
import type { Status } from './status'

let server: FakeServer
let doc: Y.Doc
let provider: CollabProvider
let shown: Status[]

function start(options: { frameBytes?: number; readOnly?: boolean } = {}): void {
  provider = new CollabProvider({
    url: 'ws://example.test/ws/pages/7d3f',
    doc,
    awareness: new Awareness(doc),
    readOnly: options.readOnly ?? false,
    frameBytes: options.frameBytes ?? 4_000_000,
    SocketClass: server.SocketClass,
    random: () => 1,
  })
  provider.on('status', (status) => shown.push(status))
}

/** Type one letter, as the person at this browser. */
function edit(): void {
  doc.getText('t').insert(0, 'x')
}

function confirmAll(): void {
  server.last.saved(server.last.syncFrames)
}

/** Let the calmed status catch up with the facts. */
function settle(): void {
  vi.advanceTimersByTime(2_000)
}

beforeEach(() => {
  vi.useFakeTimers()
  server = new FakeServer()
  doc = new Y.Doc()
  shown = []
})

afterEach(() => {
  provider.destroy()
  vi.useRealTimers()
})

describe('joining', () => {
  test('asks for the subprotocol, at the address of the page', () => {
    start()
    expect(server.last.url).toBe('ws://example.test/ws/pages/7d3f')
    expect(server.last.protocols).toEqual(['collab.v1'])
  })

  test('is "connecting" until content has come, and then "saved" once the handshake is confirmed', () => {
    start()
    expect(provider.status.kind).toBe('connecting')
    server.admit()
    settle()
    expect(provider.status.kind).not.toBe('saved')
    confirmAll()
    settle()
    expect(provider.status).toEqual({ kind: 'saved' })
  })

  test('resolves `synced` when the content has arrived, not before', async () => {
    server.content.getText('t').insert(0, 'there')
    start()
    let synced = false
    void provider.synced.then(() => (synced = true))
    server.last.open()
    await Promise.resolve()
    expect(synced).toBe(false)
    server.last.handshake(server.content)
    await Promise.resolve()
    expect(synced).toBe(true)
    expect(doc.getText('t').toString()).toBe('there')
  })

  test('a handshake nobody answers is begun again after ten seconds', () => {
    start()
    vi.advanceTimersByTime(10_100)
    expect(server.sockets).toHaveLength(2)
  })
})

describe('saved', () => {
  beforeEach(() => {
    start()
    server.admit()
    confirmAll()
    settle()
    shown.length = 0
  })

  test('an edit takes the word away at once', () => {
    edit()
    expect(provider.status.kind).toBe('saving')
    expect(provider.unsaved).toBe(true)
  })

  test('comes back when the last frame is confirmed, not when an earlier one is', () => {
    edit()
    edit()
    server.last.saved(server.last.syncFrames - 1)
    settle()
    expect(provider.status.kind).toBe('saving')
    expect(provider.unsaved).toBe(true)
    confirmAll()
    expect(provider.unsaved).toBe(false)
    settle()
    expect(provider.status.kind).toBe('saved')
  })

  test('an edit made while a confirmation is on its way is not taken for confirmed', () => {
    edit()
    const before = server.last.syncFrames
    edit()
    server.last.saved(before)
    settle()
    expect(provider.status.kind).toBe('saving')
  })

  test('a deletion counts like any other edit', () => {
    edit()
    confirmAll()
    settle()
    doc.getText('t').delete(0, 1)
    expect(provider.status.kind).toBe('saving')
    confirmAll()
    settle()
    expect(provider.status.kind).toBe('saved')
  })

  test('somebody else’s edit changes nothing', () => {
    const theirs = new Y.Doc()
    theirs.getText('t').insert(0, 'y')
    server.last.handshake(theirs)
    confirmAll()
    settle()
    expect(provider.unsaved).toBe(false)
    expect(shown.filter((status) => status.kind === 'offline' || status.kind === 'not-saved')).toEqual([])
  })

  test('a confirmation of more than was sent confirms no future edit', () => {
    server.last.saved(1_000)
    edit()
    settle()
    expect(provider.status.kind).toBe('saving')
  })

  test('a question from the server in between must be confirmed too', () => {
    server.last.ask(server.content)
    expect(provider.status.kind).not.toBe('saved')
    confirmAll()
    settle()
    expect(provider.status.kind).toBe('saved')
  })

  test('the word changes at most twice a second while somebody types', () => {
    for (let at = 0; at < 50; at += 1) {
      edit()
      vi.advanceTimersByTime(60)
      confirmAll()
      vi.advanceTimersByTime(40)
    }
    expect(shown.length).toBeLessThanOrEqual(10)
    expect(shown[0]?.kind).toBe('saving')
  })

  test('awareness is not counted', () => {
    provider.awareness.setLocalStateField('pointer', { x: 1, y: 1 })
    expect(provider.unsaved).toBe(false)
    expect(provider.status.kind).toBe('saved')
  })

  test('silence for five seconds after an edit is said', () => {
    edit()
    vi.advanceTimersByTime(5_600)
    expect(provider.status).toEqual({ kind: 'not-saved', why: 'no-answer', kept: false })
    confirmAll()
    settle()
    expect(provider.status.kind).toBe('saved')
  })

  test('trouble the server reports is passed on, and its end too', () => {
    edit()
    server.last.notice({ kind: 'not-saved', why: 'database' })
    settle()
    expect(provider.status).toEqual({ kind: 'not-saved', why: 'database', kept: false })
    server.last.notice({ kind: 'saved-again' })
    confirmAll()
    settle()
    expect(provider.status.kind).toBe('saved')
  })
})

describe('away from the server', () => {
  beforeEach(() => {
    start()
    server.admit()
    confirmAll()
    settle()
  })

  test('"offline" says whether this tab holds something nobody else has', () => {
    server.last.drop(1006)
    settle()
    expect(provider.status).toEqual({ kind: 'offline', unsaved: false, kept: false })
    edit()
    settle()
    expect(provider.status).toEqual({ kind: 'offline', unsaved: true, kept: false })
  })

  test('edits made meanwhile stay unsaved until the server asked for them, got them and confirmed them', () => {
    server.last.drop(1006)
    edit()
    settle()
    const again = server.last
    again.open()
    expect(provider.unsaved).toBe(true)
    again.saved(again.syncFrames)
    expect(provider.unsaved).toBe(true)
    again.handshake(server.content)
    expect(provider.unsaved).toBe(true)
    again.saved(again.syncFrames)
    expect(provider.unsaved).toBe(false)
    again.applyTo(server.content)
    expect(server.content.getText('t').toString()).toBe('x')
  })

  test('what was confirmed on one connection says nothing about the next', () => {
    edit()
    server.last.drop(1006)
    settle()
    const again = server.admit()
    expect(again.syncFrames).toBe(2)
    settle()
    expect(provider.unsaved).toBe(true)
    confirmAll()
    expect(provider.unsaved).toBe(false)
  })

  test('waits longer after each attempt, up to half a minute', () => {
    const waits: number[] = []
    server.last.drop(1006)
    for (let attempt = 0; attempt < 10; attempt += 1) {
      const count = server.sockets.length
      let waited = 0
      while (server.sockets.length === count && waited < 60_000) {
        vi.advanceTimersByTime(100)
        waited += 100
      }
      waits.push(waited)
      server.last.drop(1006)
    }
    expect(waits.slice(0, 4)).toEqual([400, 800, 1_600, 3_200])
    expect(waits.at(-1)).toBe(30_000)
  })

  test('a connection that got content makes the next wait short again', () => {
    for (let attempt = 0; attempt < 6; attempt += 1) {
      server.last.drop(1006)
      vi.advanceTimersByTime(31_000)
    }
    server.admit()
    const count = server.sockets.length
    server.last.drop(1006)
    vi.advanceTimersByTime(500)
    expect(server.sockets.length).toBe(count + 1)
  })

  test('`connect` does not wait', () => {
    server.last.drop(1006)
    const count = server.sockets.length
    provider.connect()
    expect(server.sockets.length).toBe(count + 1)
  })

  test('a restart is announced, and over when the connection is back', () => {
    const seen: boolean[] = []
    provider.on('connection', ({ restarting }) => seen.push(restarting))
    server.last.notice({ kind: 'draining' })
    server.last.drop(4503, 'restarting')
    settle()
    expect(provider.restarting).toBe(true)
    server.admit()
    expect(provider.restarting).toBe(false)
    expect(seen[0]).toBe(true)
    expect(seen.at(-1)).toBe(false)
  })

  test('a server that goes says when to come back, once', () => {
    const count = server.sockets.length
    server.last.notice({ kind: 'draining', retry_after: 3 })
    server.last.drop(4503, 'restarting')
    vi.advanceTimersByTime(2_900)
    expect(server.sockets).toHaveLength(count)
    vi.advanceTimersByTime(200)
    expect(server.sockets).toHaveLength(count + 1)
    server.last.drop(1006)
    vi.advanceTimersByTime(1_000)
    expect(server.sockets).toHaveLength(count + 2)
  })

  test.each([-1, 86_400, 'soon', null])('a server that asks to come back after %s is not obeyed', (retry_after) => {
    const count = server.sockets.length
    server.last.notice({ kind: 'draining', retry_after })
    server.last.drop(4503, 'restarting')
    vi.advanceTimersByTime(1_000)
    expect(server.sockets).toHaveLength(count + 1)
  })
})

test('a server that lets in and throws out again is not called a connection', () => {
  start()
  server.admit()
  confirmAll()
  settle()
  server.last.drop(4500)
  edit()
  shown.length = 0
  for (let attempt = 0; attempt < 5; attempt += 1) {
    vi.advanceTimersByTime(31_000)
    server.last.open()
    server.last.notice({ kind: 'role', role: 'editor', epoch: 1 })
    vi.advanceTimersByTime(1_000)
    server.last.drop(4500)
  }
  expect(shown.map((status) => status.kind)).toEqual(['offline'])
  expect(provider.unsaved).toBe(true)
})

test('a restart that lasts is no longer called one', () => {
  start()
  server.admit()
  server.last.drop(4503)
  expect(provider.restarting).toBe(true)
  for (let attempt = 0; attempt < 7; attempt += 1) {
    vi.advanceTimersByTime(31_000)
    server.last.drop(1006)
  }
  expect(provider.restarting).toBe(false)
})

describe('refused', () => {
  test.each([
    [4400, 'malformed'],
    [4401, 'sign-in'],
    [4403, 'not-allowed'],
    [4404, 'unknown'],
    [4409, 'replaced'],
    [4410, 'moderated'],
    [4413, 'too-large'],
    [4429, 'too-many'],
    [4499, 'not-allowed'],
    [1009, 'too-large'],
  ])('a close with %i ends the matter: %s', (code, reason) => {
    start()
    server.admit()
    server.last.drop(code, 'whatever')
    vi.advanceTimersByTime(120_000)
    expect(provider.status).toEqual({ kind: 'refused', reason, unsaved: false })
    expect(server.sockets).toHaveLength(1)
  })

  test.each([1000, 1001, 1006, 1011, 1012, 4500, 4503, 4508])('a close with %i is tried again', (code) => {
    start()
    server.admit()
    server.last.drop(code)
    settle()
    expect(server.sockets).toHaveLength(2)
  })

  test('a person who asks for another try gets one', () => {
    start()
    server.admit()
    server.last.drop(4429)
    settle()
    provider.connect()
    server.admit()
    confirmAll()
    settle()
    expect(provider.status.kind).toBe('saved')
  })

  test('a frame above the limit is not sent and not called saved', async () => {
    start({ frameBytes: 1_000 })
    server.admit()
    confirmAll()
    const before = server.last.syncFrames
    doc.getText('t').insert(0, 'x'.repeat(2_000))
    await Promise.resolve()
    expect(server.sockets[0]!.syncFrames).toBe(before)
    settle()
    expect(provider.status).toEqual({ kind: 'refused', reason: 'too-large', unsaved: true })
    expect(server.sockets).toHaveLength(1)
  })

  test('the notice "too-large" is as final as the close that follows it', () => {
    start()
    server.admit()
    edit()
    server.last.notice({ kind: 'too-large' })
    vi.advanceTimersByTime(60_000)
    expect(provider.status).toEqual({ kind: 'refused', reason: 'too-large', unsaved: true })
    expect(server.sockets).toHaveLength(1)
  })

  test('a page that was replaced meanwhile is not written to', () => {
    start()
    server.admit('editor', 1)
    confirmAll()
    server.last.drop(1006)
    edit()
    settle()
    const again = server.admit('editor', 2)
    settle()
    expect(provider.status).toEqual({ kind: 'refused', reason: 'replaced', unsaved: true })
    expect(again.syncFrames).toBe(1)
  })
})

describe('role', () => {
  test('a viewer is told so as soon as the server says it', () => {
    start()
    const seen: boolean[] = []
    provider.on('read-only', (readOnly) => seen.push(readOnly))
    server.admit('viewer')
    expect(seen).toEqual([true])
    expect(provider.status).toEqual({ kind: 'read-only', unsaved: false })
  })

  test('losing the right while typing leaves the rejected edit marked as unsaved', () => {
    start()
    server.admit()
    confirmAll()
    edit()
    server.last.notice({ kind: 'role', role: 'viewer', epoch: 1 })
    server.last.notice({ kind: 'read-only' })
    confirmAll()
    settle()
    expect(provider.readOnly).toBe(true)
    expect(provider.status).toEqual({ kind: 'read-only', unsaved: true })
  })

  test('a right that comes back brings the rejected edit to the server', async () => {
    start()
    server.admit()
    edit()
    server.last.notice({ kind: 'read-only' })
    server.last.notice({ kind: 'role', role: 'editor', epoch: 1 })
    await Promise.resolve()
    const again = server.admit()
    again.applyTo(server.content)
    expect(server.content.getText('t').toString()).toBe('x')
    confirmAll()
    settle()
    expect(provider.status.kind).toBe('saved')
  })

  test('a notice of an unknown kind, or none at all, is ignored', () => {
    start()
    server.admit()
    server.last.notice({ kind: 'from-the-future' })
    server.last.notice({ kind: 'role', role: 'emperor' })
    expect(provider.readOnly).toBe(false)
  })
})

test('destroyed: no further attempt, no further word', () => {
  start()
  server.admit()
  provider.destroy()
  shown.length = 0
  edit()
  vi.advanceTimersByTime(120_000)
  expect(server.sockets).toHaveLength(1)
  expect(shown).toEqual([])
})

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FakeServer, type FakeSocket } from '../provider/fake-server'
import { type Present, type RoomEvents, RoomSocket } from './room-socket'

let server: FakeServer
let room: RoomSocket
let people: Present[]
let events: { [Name in keyof RoomEvents]: ReturnType<typeof vi.fn<RoomEvents[Name]>> }

function say(type: string, data: unknown): void {
  sayText(JSON.stringify({ type, id: '1', at: '2030-01-01T00:00:00Z', data }))
}

function sayText(text: unknown): void {
  ;(server.last as unknown as { onmessage(event: { data: unknown }): void }).onmessage({ data: text })
}

function heard(socket: FakeSocket): { type: string; data: unknown }[] {
  return socket.frames.map((frame) => JSON.parse(frame as unknown as string) as { type: string; data: unknown })
}

beforeEach(() => {
  vi.useFakeTimers()
  server = new FakeServer()
  people = []
  events = {
    people: vi.fn((everybody: Present[]) => void (people = everybody)),
    renamed: vi.fn(),
    me: vi.fn(),
    closed: vi.fn(),
  }
  room = new RoomSocket('ws://example.test/ws/rooms/1', events, server.SocketClass, () => 1)
})

afterEach(() => {
  room.destroy()
  vi.useRealTimers()
})

test('says which page is looked at when the connection opens, and when it changes', () => {
  room.look('a')
  server.last.open()
  room.look('b')
  expect(heard(server.last).map(({ type, data }) => [type, data])).toEqual([
    ['look', { page: 'a' }],
    ['look', { page: 'b' }],
  ])
})

test('the same person in two entries is one, looking at both pages', () => {
  server.last.open()
  say('people', {
    people: [
      { id: 'u:1', name: 'Alice', color: '#d6312b', pages: ['a'] },
      { id: 'u:1', name: 'Alice', color: '#d6312b', pages: ['a', 'b'] },
      { id: 'g:2', name: 'Bob', color: '#2f6fe0', pages: [] },
    ],
  })
  expect(people.map((person) => [person.id, person.pages])).toEqual([
    ['u:1', ['a', 'b']],
    ['g:2', []],
  ])
})

test('a colour that is none cannot become a style', () => {
  server.last.open()
  say('people', { people: [{ id: 'g:1', name: 'Mallory', color: 'red;background:url(//x)', pages: [] }] })
  expect(people[0]?.color).toBe('#575e6e')
})

test('new titles are passed on', () => {
  server.last.open()
  say('room', { title: 'Retro', pages: [{ id: 'a', title: 'Plan', kind: 'board' }, { id: 'b' }] })
  expect(events.renamed).toHaveBeenCalledWith({ title: 'Retro', pages: [{ id: 'a', title: 'Plan', kind: 'board' }] })
})

test.each(['', 'null', '[]', '{', '{"type":1}', '{"type":"people"}', '{"type":"people","data":{"people":[null,1,{}]}}'])(
  'nonsense is ignored: %s',
  (text) => {
    server.last.open()
    expect(() => sayText(text)).not.toThrow()
    expect(people).toEqual([])
  },
)

test('comes back after a loss, later each time, and tells the page again', () => {
  room.look('a')
  server.last.open()
  server.last.drop(1006)
  vi.advanceTimersByTime(400)
  expect(server.sockets).toHaveLength(2)
  server.last.drop(1006)
  vi.advanceTimersByTime(700)
  expect(server.sockets).toHaveLength(2)
  vi.advanceTimersByTime(100)
  expect(server.sockets).toHaveLength(3)
  server.last.open()
  expect(heard(server.last)).toMatchObject([{ type: 'look', data: { page: 'a' } }])
})

test('a final close is passed on and not tried again', () => {
  server.last.open()
  server.last.drop(4403, 'not-allowed')
  vi.advanceTimersByTime(120_000)
  expect(events.closed).toHaveBeenCalledWith(4403)
  expect(server.sockets).toHaveLength(1)
})

test('a minute of silence is taken for a dead connection', () => {
  server.last.open()
  vi.advanceTimersByTime(80_000)
  expect(server.sockets.length).toBeGreaterThan(1)
})

test('keeps the connection warm, and an answer keeps it', () => {
  server.last.open()
  for (let at = 0; at < 6; at += 1) {
    vi.advanceTimersByTime(25_000)
    say('pong', {})
  }
  expect(server.sockets).toHaveLength(1)
  expect(heard(server.last).filter(({ type }) => type === 'ping')).toHaveLength(6)
})

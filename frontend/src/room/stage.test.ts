import { afterEach, beforeEach, expect, type MockInstance, test, vi } from 'vitest'
import type { PageContext, PageView } from '../contract'
import { DeviceCopy } from '../device/copy'
import { FakeServer, type FakeSocket } from '../provider/fake-server'
import type { Status } from '../provider/status'
import { Bars } from './bars'
import type { PageInfo, RoomData } from './bootstrap'
import { h } from './element'
import { Stage } from './stage'
import { roomStrings } from './strings'
import { installToasts } from './toasts'

/** Pages that were mounted, by id, with the view they got. */
const views = new Map<string, { context: PageContext; view: { [Name in keyof PageView]: ReturnType<typeof vi.fn> } }>()
const mount = vi.hoisted(() => vi.fn())
vi.mock('../board/index', () => ({ mount }))
vi.mock('../document/index', () => ({ mount }))

const PAGES = (['board', 'document'] as const).map(
  (kind, at): PageInfo => ({ id: `p${at}`, kind, title: kind, epoch: 1, socket: `/ws/pages/p${at}`, files: '' }),
)
const [BOARD, NOTES] = PAGES as [PageInfo, PageInfo]

let server: FakeServer
let stage: Stage
let statuses: Status[]
let bar: HTMLElement
let skeleton: HTMLElement
let place: HTMLElement
let discarded: MockInstance<DeviceCopy['discard']>
let listening: MockInstance<typeof window.addEventListener>

/** The newest socket of a page. */
function socketOf(page: PageInfo): FakeSocket {
  return server.sockets.findLast((socket) => socket.url.endsWith(page.socket))!
}

/** Let a page's newest socket in and confirm all it sent. */
function admit(page: PageInfo, role = 'editor'): FakeSocket {
  const socket = socketOf(page)
  socket.open()
  socket.notice({ kind: 'role', role, epoch: 1 })
  socket.handshake(server.content)
  socket.saved(socket.syncFrames)
  return socket
}

/** Change a page as the person at this browser. */
function edit(page: PageInfo): void {
  views.get(page.id)!.context.doc.getText('t').insert(0, 'x')
}

const turn = (): Promise<unknown> => vi.advanceTimersByTimeAsync(700)

beforeEach(() => {
  vi.useFakeTimers()
  discarded = vi.spyOn(DeviceCopy.prototype, 'discard')
  listening = vi.spyOn(window, 'addEventListener')
  installToasts()
  views.clear()
  mount.mockImplementation((context: PageContext) => {
    const view = { setReadOnly: vi.fn(), setTheme: vi.fn(), focus: vi.fn(), destroy: vi.fn() }
    views.set(context.page.id, { context, view })
    return view
  })
  server = new FakeServer()
  vi.stubGlobal('WebSocket', server.SocketClass)
  statuses = []
  bar = h('div', { hidden: true })
  skeleton = h('div')
  place = h('main', {}, bar, skeleton)
  document.body.append(place)
  const data = {
    room: { can: { edit: true, rename: true } },
    me: { id: 'u:1', name: 'Alice', color: '#d6312b', guest: false },
    urls: { home: '/' },
    limits: { frame_bytes: 1_000_000, upload_bytes: 1_000 },
    pages: PAGES,
  } as unknown as RoomData
  stage = new Stage(place, skeleton, new Bars(bar), data, {
    status: (status) => void statuses.push(status),
    role: vi.fn(),
    connected: () => stage.hurry(),
  })
})

afterEach(() => {
  stage.current?.destroy()
  for (const [type, listener] of listening.mock.calls) window.removeEventListener(type, listener as EventListener)
  vi.restoreAllMocks()
  document.body.replaceChildren()
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

test('the skeleton stays until the page is there and has its content', async () => {
  stage.show(BOARD)
  await turn()
  expect(views.has('p0')).toBe(true)
  expect(skeleton.hidden).toBe(false)
  admit(BOARD)
  await turn()
  expect(skeleton.hidden).toBe(true)
})

test('a page that is left with everything saved is let go', async () => {
  stage.show(BOARD)
  await turn()
  const socket = admit(BOARD)
  stage.show(NOTES)
  await turn()
  expect(views.get('p0')!.view.destroy).toHaveBeenCalledOnce()
  expect(socket.readyState).toBe(3)
  expect(place.querySelectorAll('.page-view')).toHaveLength(1)
})

test('a page that is left with something unsaved stays connected until it is saved', async () => {
  stage.show(BOARD)
  await turn()
  const socket = admit(BOARD)
  edit(BOARD)
  stage.show(NOTES)
  await turn()
  expect(views.get('p0')!.view.destroy).toHaveBeenCalledOnce()
  expect(socket.readyState).toBe(1)
  expect(stage.unsaved).toBe(true)
  socket.saved(socket.syncFrames)
  await turn()
  expect(stage.unsaved).toBe(false)
  expect(socket.readyState).toBe(3)
})

test('a page that is left while an image is being stored keeps its view until that is done', async () => {
  stage.show(BOARD)
  await turn()
  const socket = admit(BOARD)
  await turn()
  const { context, view } = views.get('p0')!
  context.files({ sending: 1, failed: 0 })
  await turn()
  expect(statuses.at(-1)).toEqual({ kind: 'saving', files: 1 })
  expect(stage.unsaved).toBe(true)

  stage.show(NOTES)
  await turn()
  expect(view.destroy).not.toHaveBeenCalled()
  expect([...place.querySelectorAll<HTMLElement>('.page-view')].map((one) => one.hidden)).toEqual([true, false])
  stage.show(BOARD)
  await turn()
  expect(place.querySelectorAll<HTMLElement>('.page-view:not([hidden])')).toHaveLength(1)
  expect(view.destroy).not.toHaveBeenCalled()
  stage.show(NOTES)
  await turn()

  edit(BOARD)
  context.files({ sending: 0, failed: 0 })
  await turn()
  expect(view.destroy).not.toHaveBeenCalled()
  socket.saved(socket.syncFrames)
  await turn()
  expect(view.destroy).toHaveBeenCalledOnce()
  expect(stage.unsaved).toBe(false)
})

test('coming back to a page with something unsaved finds it as it was left', async () => {
  stage.show(BOARD)
  await turn()
  admit(BOARD)
  socketOf(BOARD).drop(1006)
  edit(BOARD)
  stage.show(NOTES)
  await turn()
  stage.show(BOARD)
  await turn()
  expect(views.get('p0')!.context.doc.getText('t').toString()).toBe('x')
  admit(BOARD)
  await turn()
  expect(stage.unsaved).toBe(false)
})

test('one connection that is back makes a waiting one try at once', async () => {
  stage.show(BOARD)
  await turn()
  admit(BOARD)
  edit(BOARD)
  for (let attempt = 0; attempt < 6; attempt += 1) {
    socketOf(BOARD).drop(1006)
    await vi.advanceTimersByTimeAsync(31_000)
  }
  socketOf(BOARD).drop(1006)
  stage.show(NOTES)
  await turn()
  const before = server.sockets.filter((socket) => socket.url.endsWith(BOARD.socket)).length
  admit(NOTES)
  expect(server.sockets.filter((socket) => socket.url.endsWith(BOARD.socket)).length).toBe(before + 1)
})

test('a page in the background that is refused is given up with a sentence', async () => {
  stage.show(BOARD)
  await turn()
  admit(BOARD)
  edit(BOARD)
  stage.show(NOTES)
  await turn()
  socketOf(BOARD).drop(4413)
  await turn()
  expect(stage.unsaved).toBe(false)
  expect(document.querySelector('.toast')?.textContent).toContain(roomStrings('en').lostOnPage('board'))
  expect(document.querySelector('.refusal')).toBeNull()
})

test('closing the tab asks while something is unsaved, and not otherwise', async () => {
  stage.show(BOARD)
  await turn()
  admit(BOARD)
  const closing = (): boolean => {
    const event = new Event('beforeunload', { cancelable: true })
    dispatchEvent(event)
    return event.defaultPrevented
  }
  expect(closing()).toBe(false)
  edit(BOARD)
  expect(closing()).toBe(true)
})

test('a page kind whose code cannot be loaded offers to reload', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
  mount.mockImplementation(() => {
    throw new Error('gone')
  })
  stage.show(BOARD)
  await turn()
  expect(place.querySelector('[data-refusal=not-loaded]')).not.toBeNull()
})

test('after a refusal that keeps the page, it is there to be copied but not to be changed', async () => {
  stage.show(BOARD)
  await turn()
  admit(BOARD).drop(4413)
  await turn()
  expect(views.get('p0')!.view.setReadOnly).toHaveBeenLastCalledWith(true)
  expect(views.get('p0')!.view.destroy).not.toHaveBeenCalled()
  expect(place.querySelector('[data-refusal=too-large]')).not.toBeNull()
})

test('somebody without access sees nothing of the page', async () => {
  stage.show(BOARD)
  await turn()
  admit(BOARD).drop(4403)
  await turn()
  expect(views.get('p0')!.view.destroy).toHaveBeenCalledOnce()
  expect(place.querySelector('[data-refusal=not-allowed]')).not.toBeNull()
})

test.each([
  [4401, false],
  [4403, true],
  [4404, true],
  [4409, true],
  [4410, true],
  [4429, false],
])('a close with %i takes a copy of what is saved from the device: %s', async (code, goes) => {
  stage.show(BOARD)
  await turn()
  admit(BOARD).drop(code)
  await turn()
  expect(discarded).toHaveBeenCalledTimes(goes ? 1 : 0)
})

test('who lost access keeps what is not stored until they have it in a file', async () => {
  const link = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(() => undefined)
  vi.spyOn(URL, 'createObjectURL').mockReturnValue('blob:')
  stage.show(BOARD)
  await turn()
  const socket = admit(BOARD)
  edit(BOARD)
  socket.drop(4404)
  await turn()
  expect(discarded).not.toHaveBeenCalled()
  expect(stage.unsaved).toBe(true)
  const saveCopy = [...place.querySelectorAll('button')].find(({ textContent }) => textContent === roomStrings('en').saveCopy)
  saveCopy!.click()
  expect(link).toHaveBeenCalledOnce()
  expect(discarded).toHaveBeenCalledOnce()
  expect(stage.unsaved).toBe(false)
})

test('who lost the right while typing can turn to the stored version', async () => {
  stage.show(BOARD)
  await turn()
  const socket = admit(BOARD)
  edit(BOARD)
  socket.notice({ kind: 'role', role: 'viewer', epoch: 1 })
  socket.notice({ kind: 'read-only', message: '' })
  await turn()
  expect(bar.textContent).toContain(roomStrings('en').lostRight)
  const [saveCopy, showStored] = bar.querySelectorAll('button')
  expect(saveCopy!.textContent).toBe(roomStrings('en').saveCopy)
  expect(discarded).not.toHaveBeenCalled()
  showStored!.click()
  expect(discarded).toHaveBeenCalledOnce()
  await turn()
  admit(BOARD, 'viewer')
  await turn()
  expect(views.get('p0')!.context.doc.getText('t').toString()).toBe('')
  expect(stage.unsaved).toBe(false)
  expect(bar.hidden).toBe(true)
})

test('a restart is announced at once, a short loss only when it lasts', async () => {
  stage.show(BOARD)
  await turn()
  admit(BOARD).drop(1006)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(bar.hidden).toBe(true)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(bar.textContent).toBe(roomStrings('en').reconnecting)
  admit(BOARD).drop(4503)
  expect(bar.textContent).toBe(roomStrings('en').restarting)
  await turn()
  admit(BOARD)
  expect(bar.hidden).toBe(true)
})

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Status } from '../provider/status'
import type { PageInfo, RoomData } from './bootstrap'
import { socketUrl } from './bootstrap'
import { editInPlace, type InPlace } from './edit-in-place'
import { h } from './element'
import { initials, sortPeople } from './people-view'
import { type Refusal, refusalPanel, wordingOf as refusalWording } from './refusal'
import { RoomTitle } from './room-title'
import { Sharing } from './share'
import { wordingOf as statusWording } from './status-view'
import { roomStrings } from './strings'
import { Tabs } from './tabs'

const STATUSES: Status[] = [
  { kind: 'connecting', shown: false },
  { kind: 'connecting', shown: true },
  { kind: 'saved' },
  { kind: 'saving', files: 0 },
  { kind: 'saving', files: 2 },
  { kind: 'offline', unsaved: false, kept: false },
  { kind: 'offline', unsaved: false, kept: true },
  { kind: 'offline', unsaved: true, kept: false },
  { kind: 'offline', unsaved: true, kept: true },
  { kind: 'read-only', unsaved: false },
  { kind: 'read-only', unsaved: true },
  ...(['no-answer', 'server', 'page-full', 'gap', 'files'] as const).flatMap((why): Status[] => [
    { kind: 'not-saved', why, kept: false },
    { kind: 'not-saved', why, kept: true },
  ]),
  { kind: 'refused', reason: 'unknown', unsaved: false },
]

const REFUSALS: Refusal[] = [
  'sign-in', 'not-allowed', 'unknown', 'replaced', 'moderated', 'too-large', 'too-many', 'malformed', 'not-loaded',
]

afterEach(() => {
  document.body.replaceChildren()
})

function key(field: Element, name: string, options: KeyboardEventInit = {}): void {
  field.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true, ...options }))
}

describe('words', () => {
  test.each(['en', 'zh-CN'] as const)('every status has a word of its own and an explanation (%s)', (language) => {
    const words = STATUSES.map((status) => statusWording(status, roomStrings(language)))
    expect(words.every(({ word, why }) => word !== '' && why !== '')).toBe(true)
    expect(new Set(words.map(({ word, why }) => `${word} ${why}`)).size).toBe(STATUSES.length)
  })

  test('only "saved" says saved in green', () => {
    const green = STATUSES.filter((status) => statusWording(status, roomStrings('en')).tone === 'ok')
    expect(green).toEqual([{ kind: 'saved' }])
  })

  test.each(['en', 'zh-CN'] as const)('every refusal says what happened and offers a way on (%s)', (language) => {
    for (const refusal of REFUSALS) {
      const { title, text, ways } = refusalWording(refusal, roomStrings(language))
      expect([title, text].every(Boolean), refusal).toBe(true)
      expect(ways.length, refusal).toBeGreaterThan(0)
    }
  })

  test('a way to sign in is offered only where there is one', () => {
    const data = { urls: { home: '/' } } as RoomData
    const panel = refusalPanel('sign-in', undefined, data, { tryAgain: vi.fn(), reload: vi.fn(), saveCopy: vi.fn() })
    expect([...panel.querySelectorAll('a')].map((link) => link.getAttribute('href'))).toEqual(['/'])
    data.urls.sign_in = '/sign-in/'
    const withSignIn = refusalPanel('sign-in', undefined, data, { tryAgain: vi.fn(), reload: vi.fn(), saveCopy: vi.fn() })
    expect([...withSignIn.querySelectorAll('a')].map((link) => link.getAttribute('href'))).toEqual(['/sign-in/', '/'])
  })
})

describe('people', () => {
  test.each([
    ['Amber Fox', 'AF'],
    ['alice', 'A'],
    ['Ana María de la Cruz', 'AC'],
    ['王小明', '明'],
    ['  ', '?'],
    ['🦊 Fox', '🦊F'],
    ['<img>', '<'],
  ])('%s is shown as %s', (name, letters) => {
    expect(initials(name)).toBe(letters)
  })

  test('I come first, then who looks at the same page, then who came last', () => {
    const person = (id: string, since: string, ...pages: string[]) => ({ id, name: id, color: '#000000', pages, since })
    const sorted = sortPeople(
      [
        person('early', '2030-01-01T08:00:00Z'),
        person('late', '2030-01-01T09:00:00Z'),
        person('here', '2030-01-01T07:00:00Z', 'p'),
        person('me', '2030-01-01T06:00:00Z'),
      ],
      'me',
      'p',
    )
    expect(sorted.map(({ id }) => id)).toEqual(['me', 'here', 'late', 'early'])
  })
})

describe('editing in place', () => {
  let text: HTMLElement
  let saved: string[]
  let failed: string[]
  let options: InPlace

  beforeEach(() => {
    text = h('button', {}, 'Before')
    document.body.append(h('h1', {}, text))
    saved = []
    failed = []
    options = {
      label: 'Title',
      maxLength: 20,
      emptyMessage: 'empty',
      value: () => 'Before',
      save: (value) => Promise.resolve(void saved.push(value)),
      fail: (message) => void failed.push(message),
    }
  })

  const field = (): HTMLInputElement => document.querySelector('input')!
  const settled = (): Promise<void> => new Promise((done) => setTimeout(done))

  test('Enter saves what was typed, tidied', async () => {
    editInPlace(text, options)
    field().value = '  After   all '
    key(field(), 'Enter')
    await settled()
    expect(saved).toEqual(['After all'])
    expect(text.isConnected).toBe(true)
  })

  test('Escape leaves it as it was', async () => {
    editInPlace(text, options)
    field().value = 'After'
    key(field(), 'Escape')
    await settled()
    expect(saved).toEqual([])
    expect(text.isConnected).toBe(true)
  })

  test('the Enter that ends a composed word does not save', async () => {
    editInPlace(text, options)
    field().value = '冲刺'
    key(field(), 'Enter', { isComposing: true })
    await settled()
    expect(saved).toEqual([])
    expect(field()).not.toBeNull()
  })

  test('nothing typed is refused with a sentence', async () => {
    editInPlace(text, options)
    field().value = '   '
    key(field(), 'Enter')
    await settled()
    expect(failed).toEqual(['empty'])
    expect(field().getAttribute('aria-invalid')).toBe('true')
  })

  test('a refused title stays in the field, with the reason', async () => {
    options.save = () => Promise.reject(new Error('That is too long.'))
    editInPlace(text, options)
    field().value = 'After'
    key(field(), 'Enter')
    await settled()
    expect(failed).toEqual(['That is too long.'])
    expect(field().value).toBe('After')
    expect(field().readOnly).toBe(false)
  })

  test('unchanged text asks nothing of the server', async () => {
    editInPlace(text, options)
    key(field(), 'Enter')
    await settled()
    expect(saved).toEqual([])
    expect(text.isConnected).toBe(true)
  })
})

describe('tabs', () => {
  let list: HTMLElement
  let pages: PageInfo[]
  const actions = { open: vi.fn(), approach: vi.fn(), mayRename: vi.fn(() => true), rename: vi.fn(() => Promise.resolve()) }

  beforeEach(() => {
    vi.clearAllMocks()
    pages = ['Board', 'Notes'].map((title, at) => ({
      id: `p${at}`, kind: at ? 'document' : 'board', title, epoch: 1, socket: '', files: '',
    }))
    list = h('ul', {})
    for (const page of pages) {
      const label = h('span', { class: 'tab-label' }, page.title)
      list.append(h('li', {}, h('a', { href: `?page=${page.id}`, 'data-page': page.id }, label)))
    }
    document.body.append(list)
  })

  const tab = (id: string): HTMLElement => list.querySelector<HTMLElement>(`[data-page=${id}]`)!

  test('a click switches here, a click for a new tab is left to the browser', () => {
    new Tabs(list, pages, actions)
    const plain = new MouseEvent('click', { bubbles: true, cancelable: true })
    tab('p1').dispatchEvent(plain)
    expect(actions.open).toHaveBeenCalledExactlyOnceWith('p1')
    expect(plain.defaultPrevented).toBe(true)
    const forNewTab = new MouseEvent('click', { bubbles: true, cancelable: true, ctrlKey: true })
    list.addEventListener('click', (event) => event.preventDefault())
    tab('p0').dispatchEvent(forNewTab)
    expect(actions.open).toHaveBeenCalledTimes(1)
  })

  test('a double click renames, for those who may', () => {
    new Tabs(list, pages, actions)
    actions.mayRename.mockReturnValueOnce(false)
    tab('p0').dispatchEvent(new MouseEvent('dblclick', { bubbles: true }))
    expect(list.querySelector('input')).toBeNull()
    tab('p0').dispatchEvent(new MouseEvent('dblclick', { bubbles: true }))
    expect(list.querySelector('input')?.value).toBe('Board')
  })

  test('somebody else’s new title shows, also while one is being typed', () => {
    const tabs = new Tabs(list, pages, actions)
    tabs.edit('p0')
    tabs.setTitle('p0', 'Canvas')
    key(list.querySelector('input')!, 'Escape')
    expect(tab('p0').textContent).toBe('Canvas')
  })

  test('titles are text, never markup', () => {
    const tabs = new Tabs(list, pages, actions)
    tabs.setTitle('p0', '<img src=x onerror=alert(1)>')
    expect(list.querySelector('img')).toBeNull()
  })
})

test('the room title is a button only for those who may rename, also after that changes', () => {
  const heading = h('h1', {}, h('span', { class: 'room-title-text' }, 'Sprint'))
  const title = new RoomTitle(heading, 'Sprint', () => Promise.resolve())
  expect(heading.querySelector('button')).toBeNull()
  title.offerRenaming(true)
  expect(heading.querySelector('button')?.textContent).toBe('Sprint')
  title.set('Retro')
  title.offerRenaming(false)
  expect(heading.querySelector('button')).toBeNull()
  expect(heading.textContent).toBe('Retro')
})

test('sockets are on the same host, encrypted when the page is', () => {
  expect(socketUrl('/ws/pages/1', { href: 'https://a.test/rooms/1/?page=2' })).toBe('wss://a.test/ws/pages/1')
  expect(socketUrl('/ws/pages/1', { href: 'http://a.test:8000/rooms/1/' })).toBe('ws://a.test:8000/ws/pages/1')
})

describe('sharing', () => {
  const data = { urls: { links: '/api/rooms/1/links' }, csrf: 't' } as RoomData
  const asked: unknown[] = []

  beforeEach(() => {
    asked.length = 0
    vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
      asked.push([init.method, url, JSON.parse(init.body as string)])
      return Promise.resolve(Response.json({ url: '/join/secret/' }, { status: 201 }))
    })
  })

  afterEach(() => vi.unstubAllGlobals())

  const dialog = (): HTMLDialogElement => document.querySelector('dialog')!
  const copied = (): Promise<void> => new Promise((done) => setTimeout(done, 20))

  test('makes no link before somebody asks for one, and one only however often they ask', async () => {
    const written = vi.fn(() => Promise.resolve())
    vi.stubGlobal('navigator', { clipboard: { writeText: written } })
    const sharing = new Sharing(data)
    sharing.open()
    expect(asked).toEqual([])
    dialog().querySelector<HTMLElement>('.primary')!.click()
    await copied()
    sharing.open()
    dialog().querySelector<HTMLElement>('.primary')!.click()
    await copied()
    expect(asked).toEqual([['POST', '/api/rooms/1/links', { role: 'editor' }]])
    expect(written).toHaveBeenCalledTimes(2)
    expect(written.mock.lastCall).toEqual([new URL('/join/secret/', location.href).href])
  })

  test('without a clipboard the link is there to be copied by hand', async () => {
    vi.stubGlobal('navigator', { clipboard: { writeText: () => Promise.reject(new Error('denied')) } })
    new Sharing(data).open()
    dialog().querySelector<HTMLElement>('.primary')!.click()
    await copied()
    expect(dialog().querySelector('input')?.value).toContain('/join/secret/')
    expect(dialog().querySelector('.error')?.textContent).toBe(roomStrings('en').copyByHand)
  })

  test('the sentence says what the chosen link allows', () => {
    new Sharing(data).open()
    const role = dialog().querySelector('select')!
    role.value = 'viewer'
    role.dispatchEvent(new Event('change'))
    expect(dialog().querySelector('#share-text')?.textContent).toBe(roomStrings('en').shareText.viewer)
  })
})

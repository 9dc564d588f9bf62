import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import * as Y from 'yjs'
import type { StoredFile } from '../contract'
import { type ImageHost, Images, toBlob } from './images'

const DATA = `data:image/png;base64,${btoa('png')}`
const LOCAL = { 'file-1': { id: 'file-1', mimeType: 'image/png', dataURL: DATA } }
const STORED: StoredFile = { id: '1', url: '/files/1', type: 'image/png', width: 1, height: 1, bytes: 3 }

let files: Y.Map<unknown>
let images: Images
let host: { [Name in keyof ImageHost]: ReturnType<typeof vi.fn<ImageHost[Name]>> }

beforeEach(() => {
  vi.useFakeTimers()
  files = new Y.Doc().getMap('files')
  host = {
    upload: vi.fn<ImageHost['upload']>(async () => STORED),
    add: vi.fn(),
    mark: vi.fn(),
    failed: vi.fn(),
    missing: vi.fn(),
    unstored: vi.fn(),
    again: vi.fn(() => images.sync(['file-1'], LOCAL, true)),
  }
  images = new Images(files, host)
})

afterEach(() => {
  images.stop()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** How many images the room was last told are not stored. */
function inThisTab(): number {
  const { sending, failed } = host.unstored.mock.lastCall?.[0] ?? { sending: 0, failed: 0 }
  return sending + failed
}

const settle = () => vi.advanceTimersByTimeAsync(0)

describe('an image that was added here', () => {
  it('is uploaded once, and only where it lies is shared', async () => {
    images.sync(['file-1', 'file-1'], LOCAL, true)
    images.sync(['file-1'], LOCAL, true)
    expect(inThisTab()).toBe(1)
    await settle()

    expect(host.upload).toHaveBeenCalledTimes(1)
    expect(files.get('file-1')).toMatchObject(STORED)
    expect(host.mark).toHaveBeenCalledWith('file-1', 'saved')
    expect(inThisTab()).toBe(0)
  })

  it('stays here when its person may not change the board', async () => {
    images.sync(['file-1'], LOCAL, false)
    await settle()

    expect(host.upload).not.toHaveBeenCalled()
  })

  it('is tried again after a while, later each time, and its person is told once', async () => {
    host.upload.mockRejectedValueOnce(new Error('No.')).mockRejectedValueOnce(new Error('No.'))
    images.sync(['file-1'], LOCAL, true)
    await settle()
    expect(host.mark).toHaveBeenCalledWith('file-1', 'error')
    images.sync(['file-1'], LOCAL, true)
    await settle()
    expect(host.upload).toHaveBeenCalledTimes(1)
    expect(inThisTab()).toBe(1)

    await vi.advanceTimersByTimeAsync(2_000)
    expect(host.upload).toHaveBeenCalledTimes(2)
    await vi.advanceTimersByTimeAsync(10_000)

    expect(host.upload).toHaveBeenCalledTimes(3)
    expect(host.failed.mock.calls).toEqual([['No.']])
    expect(inThisTab()).toBe(0)
  })

  it('is tried again when it is added once more, and forgotten when it is taken away', async () => {
    host.upload.mockRejectedValue(new Error('No.'))
    images.sync(['file-1'], LOCAL, true)
    await vi.advanceTimersByTimeAsync(200_000)
    expect(host.upload).toHaveBeenCalledTimes(4)

    images.sync(['file-1', 'file-1'], LOCAL, true)
    await settle()
    expect(host.upload).toHaveBeenCalledTimes(5)
    images.sync([], LOCAL, true)
    expect(inThisTab()).toBe(0)
  })
})

describe('an image that somebody else added', () => {
  const fetched = vi.fn(async (_: string) => new Response('png', { headers: { 'Content-Type': 'image/png' } }))

  beforeEach(() => {
    fetched.mockClear()
    vi.stubGlobal('fetch', fetched)
  })

  it('is fetched from our own host, once', async () => {
    files.set('file-1', STORED)
    images.sync(['file-1'], {}, false)
    images.sync(['file-1'], {}, false)
    vi.useRealTimers()
    await vi.waitFor(() => expect(host.add).toHaveBeenCalled())

    expect(fetched).toHaveBeenCalledTimes(1)
    expect(host.add).toHaveBeenCalledWith(expect.objectContaining({ id: 'file-1', mimeType: 'image/png', dataURL: DATA }))
  })

  it.each([
    'https://evil.example/files/1',
    '//evil.example/files/1',
    '/\\evil.example/files/1',
    'javascript:alert(1)',
    'data:image/png;base64,AAAA',
    'files/1',
    '/files/../admin/logout/',
    '/admin/logout/',
    '/files/1?next=/admin',
    '',
    7,
    null,
  ])('is never fetched from %j', async (url) => {
    files.set('file-1', { ...STORED, url })
    images.sync(['file-1'], {}, true)
    await settle()

    expect(fetched).not.toHaveBeenCalled()
    expect(images.entry('file-1')).toBeNull()
  })

  it.each(['image/svg+xml', 'text/html', '', 5])('is not taken as %j', (type) => {
    files.set('file-1', { ...STORED, type })

    expect(images.entry('file-1')).toBeNull()
  })

  it('that cannot be had is said, not thrown', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    fetched.mockResolvedValueOnce(new Response('', { status: 404 }))
    files.set('file-1', STORED)
    images.sync(['file-1'], {}, false)
    await settle()

    expect(host.missing).toHaveBeenCalledTimes(1)
    expect(host.mark).toHaveBeenCalledWith('file-1', 'error')
  })
})

it('decodes data URLs by hand, plain ones too, and refuses what is none', async () => {
  expect(await toBlob(DATA, 'image/png').text()).toBe('png')
  expect(await toBlob('data:image/svg+xml,%3Csvg/%3E', 'image/svg+xml').text()).toBe('<svg/>')
  expect(() => toBlob('https://example.org', 'image/png')).toThrow(TypeError)
})

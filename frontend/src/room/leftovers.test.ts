import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { DeviceCopy } from '../device/copy'
import { CopyList, nameOf } from '../device/list'
import type { PageInfo, RoomData } from './bootstrap'
import { settleSuperseded, sweepDevice } from './leftovers'
import { roomStrings } from './strings'

const PAGE: PageInfo = { id: 'p', kind: 'document', title: 'Notes', epoch: 2, socket: '', files: '' }
const DATA = { me: { id: 'u:1' }, pages: [PAGE] } as RoomData

let list: CopyList

/** A copy that a tab has left behind. */
async function leave(of: { user?: string; page?: string; epoch?: number }, unsaved: boolean): Promise<string> {
  const name = nameOf({ user: 'u:1', page: 'p', epoch: 2, ...of })
  const doc = new Y.Doc()
  const copy = new DeviceCopy({ name, doc, list })
  await copy.loaded
  const line = new Y.XmlElement('paragraph')
  doc.getXmlFragment('content').push([line])
  line.push([new Y.XmlText('What was not stored')])
  if (unsaved) copy.markUnsaved()
  await copy.settled()
  copy.destroy()
  return name
}

const databases = async (): Promise<unknown[]> => (await indexedDB.databases()).map(({ name }) => name).sort()
const button = (label: string): HTMLButtonElement =>
  [...document.querySelectorAll<HTMLButtonElement>('dialog button')].find(({ textContent }) => textContent === label)!

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory()
  localStorage.clear()
  list = new CopyList(localStorage)
})

afterEach(() => {
  document.body.replaceChildren()
  vi.restoreAllMocks()
})

test('opening a room removes what others left in this browser, except what is unsaved', async () => {
  await leave({ user: 'u:2', page: 'theirs' }, false)
  const unsaved = await leave({ user: 'u:2', page: 'unsaved' }, true)
  const mine = await leave({}, false)
  await sweepDevice(DATA, list)
  expect(await databases()).toEqual([mine, unsaved].sort())
})

test('pages of the open room are never swept away', async () => {
  const mine = await leave({}, false)
  vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 400 * 24 * 3_600_000)
  await sweepDevice(DATA, list)
  expect(await databases()).toEqual([mine])
})

test('a copy from before a replacement goes without a word when it is saved', async () => {
  await leave({ epoch: 1 }, false)
  await settleSuperseded(PAGE, DATA, list)
  expect(await databases()).toEqual([])
  expect(document.querySelector('dialog')).toBeNull()
})

test('one that holds something unsaved is offered as a file first, and goes when it was taken', async () => {
  const name = await leave({ epoch: 1 }, true)
  const files: Blob[] = []
  vi.spyOn(URL, 'createObjectURL').mockImplementation((blob) => `blob:${files.push(blob as Blob)}`)
  await settleSuperseded(PAGE, DATA, list)
  expect(await databases()).toEqual([name])
  button(roomStrings('en').saveCopy).click()
  await vi.waitFor(async () => expect(await databases()).toEqual([]))
  expect(await files[0]!.text()).toContain('<p>What was not stored</p>')
})

test('it stays as long as nobody has decided, and goes when it is discarded', async () => {
  const name = await leave({ epoch: 1 }, true)
  await settleSuperseded(PAGE, DATA, list)
  document.querySelector('dialog')!.close()
  expect(await databases()).toEqual([name])
  await settleSuperseded(PAGE, DATA, list)
  button(roomStrings('en').discard).click()
  await vi.waitFor(async () => expect(await databases()).toEqual([]))
})

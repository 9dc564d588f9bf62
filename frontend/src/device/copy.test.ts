import 'fake-indexeddb/auto'
import { IDBFactory } from 'fake-indexeddb'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { DeviceCopy } from './copy'
import { CopyList, nameOf } from './list'

const NAME = nameOf({ user: 'u:1', page: '7d3f', epoch: 1 })

let list: CopyList
let open: DeviceCopy[]

/** A tab of the person, with the page open. */
async function tab(name = NAME, of: CopyList | undefined = list): Promise<{ doc: Y.Doc; copy: DeviceCopy }> {
  const doc = new Y.Doc()
  const copy = new DeviceCopy({ name, doc, list: of })
  open.push(copy)
  await copy.loaded
  return { doc, copy }
}

const type = (doc: Y.Doc, text: string): void => doc.getText('t').insert(doc.getText('t').length, text)
const read = (doc: Y.Doc): string => doc.getText('t').toString()

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory()
  localStorage.clear()
  list = new CopyList(localStorage)
  open = []
})

afterEach(() => {
  open.forEach((copy) => copy.destroy())
  vi.restoreAllMocks()
})

test('what was written is there in the next tab', async () => {
  const first = await tab()
  type(first.doc, 'offline')
  await first.copy.settled()
  first.copy.destroy()
  const next = await tab()
  expect(read(next.doc)).toBe('offline')
})

test('a page that was never seen whole is not called complete, however much of it is there', async () => {
  const first = await tab()
  type(first.doc, 'a part')
  await first.copy.settled()
  expect((await tab()).copy.complete).toBe(false)
  await first.copy.completed()
  expect((await tab()).copy.complete).toBe(true)
})

test('what a tab left unsaved is known to the next one until it is saved', async () => {
  const first = await tab()
  expect(first.copy.leftUnsaved).toBe(false)
  type(first.doc, 'x')
  first.copy.markUnsaved()
  await first.copy.settled()
  first.copy.destroy()
  const next = await tab()
  expect(next.copy.leftUnsaved).toBe(true)
  next.copy.markSaved()
  expect((await tab()).copy.leftUnsaved).toBe(false)
})

test('what another tab changed since is not called saved by this one', async () => {
  const first = await tab()
  first.copy.markUnsaved()
  const second = await tab()
  first.copy.markUnsaved()
  second.copy.markSaved()
  expect((await tab()).copy.leftUnsaved).toBe(true)
})

test('two tabs write one copy, and nothing of either is lost, beyond the rows that are folded', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const [one, other] = await Promise.all([tab(), tab()])
  for (let at = 0; at < 600; at += 1) {
    type(one.doc, 'a')
    type(other.doc, 'b')
  }
  // The fold of y-indexeddb runs when nothing was written for a second; both tabs do it.
  await vi.advanceTimersByTimeAsync(3_000)
  vi.useRealTimers()
  await Promise.all([one.copy.settled(), other.copy.settled()])
  type(one.doc, 'A')
  await one.copy.settled()

  const { doc } = await tab()
  const letters = [...read(doc)]
  expect(letters.filter((letter) => letter === 'a')).toHaveLength(600)
  expect(letters.filter((letter) => letter === 'b')).toHaveLength(600)
  expect(letters.filter((letter) => letter === 'A')).toHaveLength(1)
})

test('a copy of another person, page or epoch is another copy', async () => {
  const mine = await tab()
  type(mine.doc, 'mine')
  await mine.copy.settled()
  for (const other of [
    { user: 'u:2', page: '7d3f', epoch: 1 },
    { user: 'u:1', page: '7d40', epoch: 1 },
    { user: 'u:1', page: '7d3f', epoch: 2 },
  ]) {
    expect(read((await tab(nameOf(other))).doc)).toBe('')
  }
})

test('a discarded copy is gone, and the tab that still has it open goes on without', async () => {
  const first = await tab()
  const second = await tab()
  type(first.doc, 'x')
  await first.copy.settled()
  await first.copy.discard()
  expect(first.copy.keeps).toBe(false)
  await vi.waitFor(() => expect(second.copy.keeps).toBe(false))
  type(second.doc, 'still possible')
  expect(read((await tab()).doc)).toBe('')
  expect(list.marks(NAME)).toEqual([])
})

describe('a device that keeps nothing', () => {
  const refuse = (): never => {
    throw new DOMException('No.', 'SecurityError')
  }

  beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => undefined))

  async function expectMemoryOnly(pending: Promise<{ doc: Y.Doc; copy: DeviceCopy }>): Promise<void> {
    const { doc, copy } = await pending
    expect(copy.keeps).toBe(false)
    expect(copy.complete).toBe(false)
    type(doc, 'goes on')
    copy.markUnsaved()
    copy.markSaved()
    await copy.completed()
    await copy.settled()
    expect(read(doc)).toBe('goes on')
  }

  test('has no storage at all', async () => {
    const doc = new Y.Doc()
    const copy = new DeviceCopy({ name: NAME, doc, list: undefined })
    await expectMemoryOnly(copy.loaded.then(() => ({ doc, copy })))
  })

  test('refuses small entries', async () => {
    vi.spyOn(list, 'use').mockImplementation(refuse)
    await expectMemoryOnly(tab())
  })

  test('refuses to open databases', async () => {
    vi.spyOn(indexedDB, 'open').mockImplementation(refuse)
    await expectMemoryOnly(tab())
  })

  test('never answers', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    vi.spyOn(indexedDB, 'open').mockImplementation(() => ({}) as IDBOpenDBRequest)
    const pending = tab()
    await vi.advanceTimersByTimeAsync(3_000)
    vi.useRealTimers()
    await expectMemoryOnly(pending)
  })

  test('is full in the middle of the work', async () => {
    const { doc, copy } = await tab()
    expect(copy.keeps).toBe(true)
    let changes = 0
    copy.on('change', () => (changes += 1))
    const add = vi.spyOn(IDBObjectStore.prototype, 'add').mockImplementation(function (this: IDBObjectStore) {
      this.transaction.abort()
      return {} as IDBRequest
    })
    type(doc, 'x')
    await vi.waitFor(() => expect(copy.keeps).toBe(false))
    expect(changes).toBe(1)
    add.mockRestore()
    type(doc, 'y')
    expect(read(doc)).toBe('xy')
  })

  test('is full before the page is there whole: the copy is never called complete', async () => {
    const { doc, copy } = await tab()
    const add = vi.spyOn(IDBObjectStore.prototype, 'add').mockImplementation(function (this: IDBObjectStore) {
      this.transaction.abort()
      return {} as IDBRequest
    })
    type(doc, 'the server’s content')
    await copy.completed()
    add.mockRestore()
    expect((await tab()).copy.complete).toBe(false)
  })

  test('takes too long to write: not called kept until it has', async () => {
    const { doc, copy } = await tab()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const transactions = vi.spyOn(IDBDatabase.prototype, 'transaction')
    const held: (() => void)[] = []
    transactions.mockImplementationOnce(() => {
      // The row's own transaction: as it would be.
      transactions.mockImplementationOnce(
        () => ({ objectStore: () => ({ getKey: () => undefined }), set oncomplete(run: () => void) { held.push(run) } }) as unknown as IDBTransaction,
      )
      return { objectStore: () => ({ add: () => ({}) }) } as unknown as IDBTransaction
    })
    type(doc, 'x')
    await vi.advanceTimersByTimeAsync(2_000)
    expect(copy.keeps).toBe(false)
    held.forEach((run) => run())
    expect(copy.keeps).toBe(true)
    vi.useRealTimers()
  })
})

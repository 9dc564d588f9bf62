import 'fake-indexeddb/auto'
import { beforeEach, expect, test, vi } from 'vitest'
import { CopyList, nameOf } from '../device/list'
import { forgetDevice } from './sign-out'

let list: CopyList

async function keep(name: string): Promise<void> {
  list.use(name)
  await new Promise((resolve) => (indexedDB.open(name).onsuccess = ({ target }) => resolve((target as IDBOpenDBRequest).result.close())))
}

const databases = async (): Promise<unknown[]> => (await indexedDB.databases()).map(({ name }) => name)

beforeEach(() => {
  localStorage.clear()
  list = new CopyList(localStorage)
})

test('every copy goes, whoever made it, and nobody is asked when all of it is saved', async () => {
  for (const user of ['u:1', 'g:2']) await keep(nameOf({ user, page: 'p', epoch: 1 }))
  const ask = vi.fn(() => false)
  expect(await forgetDevice(list, ask)).toBe(true)
  expect(ask).not.toHaveBeenCalled()
  expect(await databases()).toEqual([])
  expect(localStorage.length).toBe(0)
})

test('who would lose something by it is asked, and may stay', async () => {
  const name = nameOf({ user: 'u:1', page: 'p', epoch: 1 })
  await keep(name)
  list.mark(name, 'tab', 1)
  expect(await forgetDevice(list, () => false)).toBe(false)
  expect(await databases()).toEqual([name])
  expect(await forgetDevice(list, () => true)).toBe(true)
  expect(await databases()).toEqual([])
})

test('a device that does not answer keeps nobody signed in', async () => {
  vi.useFakeTimers()
  list.use(nameOf({ user: 'u:1', page: 'p', epoch: 1 }))
  vi.spyOn(indexedDB, 'deleteDatabase').mockImplementation(() => ({}) as IDBOpenDBRequest)
  const forgotten = forgetDevice(list, () => true)
  await vi.advanceTimersByTimeAsync(1_500)
  expect(await forgotten).toBe(true)
  vi.useRealTimers()
})

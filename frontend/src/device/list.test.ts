import { beforeEach, expect, test } from 'vitest'
import { CopyList, KEPT_MS, MOST_COPIES, nameOf, readName, staleCopies, supersededCopies } from './list'

const DAY_MS = 24 * 3_600_000
const NOW = 1_000 * DAY_MS

let now: number
let list: CopyList

const copyOf = (page: string, user = 'u:1', epoch = 1): string => nameOf({ user, page, epoch })

function use(name: string, daysAgo: number, unsaved = false): string {
  now = NOW - daysAgo * DAY_MS
  list.use(name)
  if (unsaved) list.mark(name, 'tab', 1)
  now = NOW
  return name
}

beforeEach(() => {
  localStorage.clear()
  now = NOW
  list = new CopyList(localStorage, () => now)
})

test('a name says whose copy of what it is, and nothing else is taken for one', () => {
  for (const of of [
    { user: 'u:1', page: '7d3f', epoch: 1 },
    { user: 'g:Ä/:|%', page: '7d3f', epoch: 12 },
  ]) {
    expect(readName(nameOf(of))).toEqual(of)
  }
  for (const name of ['', 'other', 'collab-copy:', 'collab-copy:u:p', 'collab-copy:u:p:x', 'collab-copy:u:p:1:2', 'collab-copy:%:p:1']) {
    expect(readName(name)).toBeUndefined()
  }
})

test('copies of other people go at once, unless they hold something unsaved', () => {
  use(copyOf('mine'), 1)
  const theirs = use(copyOf('theirs', 'u:2'), 1)
  use(copyOf('unsaved', 'u:2'), 1, true)
  expect(staleCopies(list, 'u:1', NOW)).toEqual([theirs])
})

test('a copy that nobody opened for a month goes, whatever it holds', () => {
  use(copyOf('recent'), 29, true)
  const old = use(copyOf('old'), 30)
  const forgotten = use(copyOf('forgotten'), 31, true)
  expect(staleCopies(list, 'u:1', NOW).sort()).toEqual([old, forgotten].sort())
})

test('a clock that was wrong once does not keep a copy for ever', () => {
  const ahead = use(copyOf('ahead'), -(KEPT_MS / DAY_MS) - 1)
  expect(staleCopies(list, 'u:1', NOW)).toEqual([ahead])
})

test('beyond the bound the longest unused goes first, and what is unsaved last', () => {
  const unsaved = use(copyOf('unsaved'), 20, true)
  const copies = Array.from({ length: MOST_COPIES }, (_, at) => use(copyOf(`p${at}`), at / 10))
  expect(staleCopies(list, 'u:1', NOW)).toEqual([copies.at(-1)])
  expect(list.all().has(unsaved)).toBe(true)
})

test('earlier epochs of a page are found, other pages and people are not', () => {
  const before = use(copyOf('p', 'u:1', 1), 1)
  use(copyOf('p', 'u:1', 2), 1)
  use(copyOf('p', 'u:2', 1), 1)
  use(copyOf('q', 'u:1', 1), 1)
  expect(supersededCopies(list, { user: 'u:1', page: 'p', epoch: 2 })).toEqual([before])
})

test('a mark that grew meanwhile stays', () => {
  const name = use(copyOf('p'), 0)
  list.mark(name, 'a', 1)
  list.mark(name, 'b', 1)
  const seen = list.marks(name)
  list.mark(name, 'b', 2)
  list.unmark(seen)
  expect(list.marks(name).map(({ count }) => count)).toEqual(['2'])
  list.forget(name)
  expect([list.marks(name), [...list.all()]]).toEqual([[], []])
})

import * as Y from 'yjs'
import { afterEach, expect, test } from 'vitest'
import { anchorAt, parseAnchor, positionOf } from './anchors.ts'
import { readCarets } from './carets.ts'
import { arrivedPage, closePages, paragraph, remotely } from './testing.ts'

afterEach(closePages)

const anchor = { type: null, tname: 'content', item: null, assoc: 0 }
const carets = (...states: unknown[]) =>
  readCarets(new Map(states.map((state, index) => [index + 2, state])), 1, 'Somebody')

test.each([
  [null],
  ['text'],
  [5],
  [{}],
  [{ cursor: 'x' }],
  [{ cursor: [] }],
  [{ cursor: { anchor, head: null } }],
  [{ cursor: { anchor: { tname: 5 }, head: anchor } }],
  [{ cursor: { anchor: { item: { client: -1, clock: 0 } }, head: anchor } }],
  [{ cursor: { anchor: { item: { client: 1, clock: 1e308 } }, head: anchor } }],
  [{ cursor: { anchor: { type: 'x' }, head: anchor } }],
])('%j is no caret', (state) => {
  expect(carets(state)).toEqual([])
})

test('names and colours are used only if they are such', () => {
  const cursor = { anchor, head: anchor }
  const seen = carets(
    { cursor, user: { name: 'Bob', color: '#2f6fe0' } },
    { cursor, user: { name: 5, color: 'red;background:url(https://evil.example)' } },
    { cursor, user: 'x' },
    { cursor, user: { name: 'B'.repeat(500), color: '#2f6fe0' } },
  )
  expect(seen.map((caret) => caret.name)).toEqual(['Bob', 'Somebody', 'Somebody', 'B'.repeat(60)])
  expect(seen.map((caret) => caret.color)).toEqual(['#2f6fe0', '#6b7280', '#6b7280', '#2f6fe0'])
})

test('the own state and everybody after the hundredth are left out', () => {
  const states = new Map(Array.from({ length: 200 }, (_, index) => [index + 1, { cursor: { anchor, head: anchor } }]))
  const seen = readCarets(states, 1, 'Somebody')
  expect(seen).toHaveLength(100)
  expect(seen.some((caret) => caret.clientId === 1)).toBe(false)
})

test('a caret is drawn where its person is, with the name outside the text', async () => {
  const page = await arrivedPage((fragment) => fragment.push([paragraph('Hello')]))
  const at = Y.relativePositionToJSON(anchorAt(page.editor.state, 3) as Y.RelativePosition)
  page.awareness.states.set(99, { cursor: { anchor: at, head: at }, user: { name: 'Bob', color: '#2f6fe0' } })
  page.awareness.emit('change', [{ added: [99], updated: [], removed: [] }, 'remote'])
  await new Promise(requestAnimationFrame)
  const caret = page.container.querySelector<HTMLElement>('.document-caret')
  expect(caret?.dataset.name).toBe('Bob')
  expect(caret?.textContent).toBe('')
  expect(caret?.previousSibling?.textContent).toBe('He')
})

test('a position keeps its place in the text while others write before it', async () => {
  const page = await arrivedPage((fragment) => fragment.push([paragraph('Hello')]))
  const sent: unknown = JSON.parse(JSON.stringify(anchorAt(page.editor.state, 3)))
  remotely(page, (fragment) => fragment.insert(0, [paragraph('Before')]))
  expect(positionOf(page.editor.state, parseAnchor(sent) as Y.RelativePosition)).toBe(3 + 'Before'.length + 2)
})

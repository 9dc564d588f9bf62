import { afterEach, expect, test } from 'vitest'
import { withoutHandlers } from './paste.ts'
import { arrivedPage, closePages } from './testing.ts'

afterEach(closePages)

test('event handlers go, and nothing else', () => {
  expect(withoutHandlers('<p onclick="a()" class="x">on = 1 <img src=a.png onerror=b()></p>')).toBe(
    '<p class="x">on = 1 <img src=a.png></p>',
  )
  expect(withoutHandlers(`<a title="x > y" onclick='z'>text onclick="kept"</a>`)).toBe('<a title="x > y">text onclick="kept"</a>')
})

test('a language typed after the backticks is stored by the name everybody else reads', async () => {
  const page = await arrivedPage()
  const { view } = page.editor
  for (const letter of '```js ') {
    const { from, to } = view.state.selection
    const insert = () => view.state.tr.insertText(letter, from, to)
    if (!view.someProp('handleTextInput', (handle) => handle(view, from, to, letter, insert))) view.dispatch(insert())
  }
  expect(page.fragment.toString()).toBe('<codeblock language="javascript"></codeblock>')
})

test('a table at the end is followed by a line to write in', async () => {
  const page = await arrivedPage()
  page.container.querySelector<HTMLButtonElement>('button[aria-label="Table"]')?.click()
  expect(page.editor.state.doc.children.map((child) => child.type.name)).toEqual(['table', 'paragraph'])
  expect(page.editor.isActive('table')).toBe(true)
})

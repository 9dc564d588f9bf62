import { afterEach, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { arrivedPage, closePages } from './testing.ts'

const loaded = vi.hoisted(() => {
  let open: () => void = () => undefined
  return { gate: new Promise<void>((resolve) => (open = resolve)), open: () => open() }
})
vi.mock('./code-colours.ts', async (original) => {
  await loaded.gate
  return original()
})

afterEach(closePages)

test('code is plain text until the colours are there, and gets them without anybody typing', async () => {
  const page = await arrivedPage((fragment) => {
    const block = new Y.XmlElement('codeBlock')
    fragment.push([block])
    block.setAttribute('language', 'python')
    block.push([new Y.XmlText('def answer(): return 42')])
  })
  const code = page.container.querySelector('pre code')!
  expect(code.textContent).toBe('def answer(): return 42')
  expect(code.querySelector('.hljs-keyword')).toBeNull()

  loaded.open()

  await vi.waitFor(() => expect(code.querySelector('.hljs-keyword')?.textContent).toBe('def'))
  expect(code.textContent).toBe('def answer(): return 42')
  expect(page.written).toEqual([])
})

import { afterEach, expect, test } from 'vitest'
import { isSafeLink, isStoredFile } from './attributes.ts'
import { linkFrom } from './links.ts'
import { arrivedPage, closePages, element, text } from './testing.ts'

afterEach(closePages)

test.each([
  ['https://example.com/a?b=c#d', 'https://example.com/a?b=c#d'],
  [' http://example.com ', 'http://example.com'],
  ['example.com', 'https://example.com'],
  ['www.example.co.uk/path', 'https://www.example.co.uk/path'],
  ['localhost:8000/x', 'https://localhost:8000/x'],
  ['mei@example.com', 'mailto:mei@example.com'],
  ['mailto:mei@example.com', 'mailto:mei@example.com'],
])('%j means %j', (typed, meant) => {
  expect(linkFrom(typed)).toBe(meant)
})

const REFUSED = [
  'javascript:alert(1)',
  ' JavaScript:alert(1)',
  'java\tscript:alert(1)',
  'data:text/html,<script>alert(1)</script>',
  'vbscript:x',
  'javascript://example.com/%0aalert(1)',
  'file:///etc/passwd',
  'blob:https://example.com/1',
  '//example.com',
  'https://',
  'https://exam\u200bple.com',
  'mailto:',
  'two words',
  '',
  `https://example.com/${'a'.repeat(3000)}`,
]
test.each(REFUSED)('%j is no link, typed or stored', (typed) => {
  expect(linkFrom(typed)).toBeNull()
  expect(isSafeLink(typed)).toBe(false)
})

test.each([null, undefined, 5, {}, ['https://example.com']])('%j is no stored link', (value) => {
  expect(isSafeLink(value)).toBe(false)
})

test.each([
  'https://evil.example/p.png',
  '//evil.example/p.png',
  '/files/../admin/',
  '/files/00000000-0000-0000-0000-000000000000/../x',
  'data:image/png;base64,AA==',
  { src: 1 },
])('%j is no picture of this product', (src) => {
  expect(isStoredFile(src)).toBe(false)
})

test('a dangerous link that a script stored is shown as plain text', async () => {
  const page = await arrivedPage((fragment) =>
    fragment.push([element('paragraph', {}, [text('press', { link: { href: 'javascript:alert(1)' } })])]),
  )
  expect(page.editor.getText()).toBe('press')
  expect(page.container.querySelector('.document-text a')).toBeNull()
})

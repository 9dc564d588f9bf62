import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { rescue } from '.'

function element(name: string, attributes: Record<string, unknown>, ...children: (Y.XmlElement | Y.XmlText | string)[]): Y.XmlElement {
  const made = new Y.XmlElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value as string)
  made.push(children.map((child) => (typeof child === 'string' ? new Y.XmlText(child) : child)))
  return made
}

function html(...blocks: Y.XmlElement[]): string {
  const doc = new Y.Doc()
  doc.getXmlFragment('content').push(blocks)
  return rescue(doc, { kind: 'document', title: 'Notes & more' }).text
}

test('a document becomes a page that any browser and word processor opens', () => {
  const marked = new Y.XmlText()
  marked.insert(0, 'plain ')
  marked.insert(6, 'bold', { bold: true })
  marked.insert(10, ' link', { bold: null, link: { href: 'https://example.org/?a=1&b=2' } })
  const text = html(
    element('heading', { level: 1 }, 'First'),
    element('paragraph', {}, marked),
    element('taskList', {}, element('taskItem', { checked: true }, element('paragraph', {}, 'done'))),
    element('table', {}, element('tableRow', {}, element('tableCell', {}, element('paragraph', {}, '王')))),
  )
  expect(text).toContain('<title>Notes &amp; more</title>')
  expect(text).toContain('<h2>First</h2>')
  expect(text).toContain('<p>plain <strong>bold</strong><a href="https://example.org/?a=1&amp;b=2"> link</a></p>')
  expect(text).toContain('<ul><li>☑ <p>done</p></li></ul>')
  expect(text).toContain('<table><tr><td><p>王</p></td></tr></table>')
})

test('nothing in a document becomes markup of the file', () => {
  const marked = new Y.XmlText()
  marked.insert(0, '<script>alert(1)</script>', { link: { href: 'javascript:alert(1)' }, unknown: { tag: '<img>' } })
  const text = html(element('paragraph', {}, marked), element('script', { src: 'x' }, 'alert(2)'), element('image', { alt: '"><img src=x>' }))
  expect(text).not.toMatch(/<script|<img|javascript:/)
  expect(text).toContain('&lt;script&gt;')
})

test('a board becomes an Excalidraw file of what is drawn', () => {
  const doc = new Y.Doc()
  const elements = doc.getMap('elements')
  for (const [id, isDeleted] of [['one', false], ['gone', true]] as const) {
    const fields = new Y.Map<unknown>()
    elements.set(id, fields)
    Object.entries({ type: 'rectangle', x: 1, y: 2, width: 30, height: 40, index: 'a0', isDeleted, customData: { html: '<img>' } }).forEach(
      ([key, value]) => fields.set(key, value),
    )
  }
  const { name, text } = rescue(doc, { kind: 'board', title: '../a:b' })
  expect(name).toBe('a b.excalidraw')
  const file = JSON.parse(text)
  expect(file).toMatchObject({ type: 'excalidraw', version: 2 })
  expect(file.elements).toEqual([expect.objectContaining({ id: 'one', x: 1, width: 30 })])
  expect(text).not.toContain('customData')
})

test('a page without a usable title still gets a name', () => {
  expect(rescue(new Y.Doc(), { kind: 'document', title: ' ../.. ' }).name).toBe('document.html')
})

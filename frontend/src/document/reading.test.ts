import type { Node } from '@tiptap/pm/model'
import * as Y from 'yjs'
import { afterEach, describe, expect, test } from 'vitest'
import { arrivedPage, closePages, element, exchange, paragraph, remotely, text } from './testing.ts'

afterEach(closePages)

const names = (doc: Node) => doc.children.map((child) => child.type.name)

const EVERYTHING = [
  '<h1>Title</h1><h2>Two</h2><h3>Three</h3>',
  '<p>plain <strong>bold</strong> <em>italic</em> <u>under</u> <s>struck</s> <code>code</code> <mark>marked</mark></p>',
  '<p><a href="https://example.com/">link</a> and a<br>break</p>',
  '<ul><li><p>one</p><ul><li><p>nested</p></li></ul></li></ul><ol start="4"><li><p>four</p></li></ol>',
  '<ul data-type="taskList"><li data-type="taskItem" data-checked="true"><p>done</p></li></ul>',
  '<blockquote><p>quote</p></blockquote><pre><code class="language-py">print(1)</code></pre><hr>',
  '<table><tr><th><p>head</p></th></tr><tr><td><p>cell</p></td></tr></table>',
  '<img src="/files/00000000-0000-0000-0000-000000000000" alt="sky" width="4" height="3"><p>end</p>',
].join('')

test('everything a document can hold is the same for whoever opens it next', async () => {
  const alice = await arrivedPage()
  const bob = await arrivedPage()
  alice.editor.commands.setContent(EVERYTHING)
  exchange(alice, bob)
  expect(bob.editor.getJSON()).toEqual(alice.editor.getJSON())
  expect(bob.editor.getHTML()).toBe(alice.editor.getHTML())
  expect(names(bob.editor.state.doc)).toEqual([
    ...['heading', 'heading', 'heading', 'paragraph', 'paragraph', 'bulletList', 'orderedList', 'taskList'],
    ...['blockquote', 'codeBlock', 'horizontalRule', 'table', 'image', 'paragraph'],
  ])
  expect(bob.editor.getHTML()).toContain('language-python')
  expect(bob.written).toEqual([])
})

describe('content no editor wrote', () => {
  test.each<[string, () => (Y.XmlElement | Y.XmlText)[]]>([
    ['attributes of wrong types', () => [element('heading', { level: {} }, [text('x')]), element('orderedList', { start: 'x' }, [element('listItem', {}, [paragraph('x')])])]],
    ['a cell that spans a billion columns', () => [element('table', {}, [element('tableRow', {}, [element('tableCell', { colspan: 1e9, rowspan: -5, colwidth: 'a' }, [paragraph('x')])])])]],
    ['names of object properties', () => [element('constructor'), element('__proto__'), element(''), paragraph('x')]],
    ['marks of object properties', () => [element('paragraph', {}, [text('x', { constructor: {}, toString: true, __proto__x: {}, bold: 5 })])]],
    ['empty containers', () => [element('table'), element('tableRow'), element('bulletList'), element('blockquote'), paragraph('x')]],
    ['parts in the wrong place', () => [element('tableCell', {}, [paragraph('x')]), element('listItem'), element('taskList', {}, [paragraph('x'), text('y')])]],
    ['the document inside itself', () => [element('doc', {}, [paragraph('x')]), element('text', {}, [text('x')]), paragraph('x')]],
    ['children of what has none', () => [element('horizontalRule', {}, [paragraph('y')]), element('image', { src: 'https://evil.example/p.png' }, [text('y')]), paragraph('x')]],
    ['text beside the blocks', () => [text('x'), text(''), text('y', { bold: true })]],
    ['sixty levels of quotes', () => [Array.from({ length: 60 }).reduce<Y.XmlElement>((inner) => element('blockquote', {}, [inner]), paragraph('x'))]],
  ])('%s: the rest is shown, valid, and nothing is written', async (_what, blocks) => {
    const page = await arrivedPage((fragment) => fragment.push([paragraph('Before'), ...blocks(), paragraph('After')]))
    const { doc } = page.editor.state
    expect(() => doc.check()).not.toThrow()
    expect(doc.firstChild?.textContent).toBe('Before')
    expect(doc.lastChild?.textContent).toBe('After')
    expect(doc.textContent).toContain('x')
    expect(page.container.querySelector('[src*="evil.example"], script')).toBeNull()
    expect(JSON.stringify(doc)).not.toContain('evil.example')
    expect(page.written).toEqual([])
    page.editor.commands.insertContentAt(1, 'Still ')
    expect(page.fragment.toString()).toContain('Still Before')
  })

  test('embeds inside a text are left out, the text is shown', async () => {
    const page = await arrivedPage((fragment) => fragment.push([paragraph('Hello')]))
    remotely(page, (fragment) => ((fragment.get(0) as Y.XmlElement).get(0) as Y.XmlText).insertEmbed(2, { image: 'https://evil.example/p.png' }))
    expect(page.editor.getText()).toBe('Hello')
  })
})

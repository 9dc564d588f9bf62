import { DOMParser, type ParseOptions, type TagParseRule } from '@tiptap/pm/model'
import * as Y from 'yjs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { arrivedPage, closePages, element, exchange, openPage, paragraph, remotely, text } from './testing.ts'

afterEach(closePages)

describe('when something is written', () => {
  test('a page whose content has not arrived writes nothing, whatever happens in its view', async () => {
    const page = await openPage()
    page.editor.commands.insertContent('typed too early')
    expect(page.written).toEqual([])
    await page.arrive()
    expect(page.written).toEqual([])
    expect(page.editor.getText()).toBe('')
  })

  test('opening an empty page writes nothing', async () => {
    const page = await arrivedPage()
    expect(page.written).toEqual([])
    expect(page.fragment.length).toBe(0)
  })

  test('a viewer writes nothing, even when a change is forced into the view', async () => {
    const page = await arrivedPage((fragment) => fragment.push([paragraph('Hello')]), { readOnly: true })
    page.editor.view.dispatch(page.editor.state.tr.insertText('x', 1))
    expect(page.written).toEqual([])
  })

  test('what a viewer forced into the view is gone once they may edit', async () => {
    const page = await arrivedPage((fragment) => fragment.push([paragraph('Hello')]), { readOnly: true })
    page.editor.view.dispatch(page.editor.state.tr.insertText('x', 1))
    page.view.setReadOnly(false)
    expect(page.editor.getText()).toBe('Hello')
    page.editor.view.dispatch(page.editor.state.tr.insertText('y', 1))
    expect(page.fragment.toString()).toBe('<paragraph>yHello</paragraph>')
  })

  test('an editor who becomes a viewer stops writing at once', async () => {
    const page = await arrivedPage((fragment) => fragment.push([paragraph('Hello')]))
    page.view.setReadOnly(true)
    page.editor.view.dispatch(page.editor.state.tr.insertText('x', 1))
    expect(page.written).toEqual([])
    expect(page.editor.isEditable).toBe(false)
  })

  test('showing what others write is answered with nothing', async () => {
    const page = await arrivedPage()
    remotely(page, (fragment) => fragment.push([element('table', {}, [element('tableRow', {}, [element('tableCell')])])]))
    expect(page.written).toEqual([])
  })
})

describe('two people', () => {
  test('undo takes back only what was done here', async () => {
    const alice = await arrivedPage((fragment) => fragment.push([paragraph('Hello')]))
    alice.editor.commands.insertContentAt(1, 'A ')
    remotely(alice, (fragment) => ((fragment.get(0) as Y.XmlElement).get(0) as Y.XmlText).insert(7, ' Bob'))
    alice.editor.commands.undo()
    expect(alice.editor.getText()).toBe('Hello Bob')
    alice.editor.commands.redo()
    expect(alice.editor.getText()).toBe('A Hello Bob')
  })

  test('the first letters of an empty paragraph, typed at once, end in one text', async () => {
    const alice = await arrivedPage((fragment) => fragment.push([element('paragraph')]))
    const bob = await arrivedPage()
    exchange(alice, bob)
    alice.editor.commands.insertContentAt(1, 'A')
    bob.editor.commands.insertContentAt(1, 'B')
    exchange(alice, bob)
    expect(alice.fragment.toString()).toBe(bob.fragment.toString())
    expect([...alice.editor.getText()].sort()).toEqual(['A', 'B'])
    expect((alice.fragment.get(0) as Y.XmlElement).length).toBe(1)
  })

  test('a row and a column added at once make a table that one of them mends, once', async () => {
    const alice = await arrivedPage()
    const bob = await arrivedPage()
    alice.editor.commands.insertTable({ rows: 2, cols: 2 })
    exchange(alice, bob)
    for (const page of [alice, bob]) page.editor.commands.setTextSelection(4)
    alice.editor.commands.addRowAfter()
    bob.editor.commands.addColumnAfter()
    exchange(alice, bob)
    alice.editor.commands.insertContent('x')
    exchange(alice, bob)
    const rows = bob.editor.state.doc.firstChild
    expect(rows?.children.map((row) => row.childCount)).toEqual([3, 3, 3])
  })
})

describe('what has no place among elements', () => {
  const strays = (fragment: Y.XmlFragment) => {
    fragment.push([paragraph('Honest')])
    Y.Array.prototype.insert.call(fragment as never, 0, ['json', { a: 1 }, new Y.Map()])
  }

  test('is removed by whoever may edit, on opening', async () => {
    const page = await arrivedPage(strays)
    expect(page.editor.getText()).toBe('Honest')
    expect(page.fragment.length).toBe(2)
    expect(page.fragment.toArray().every((child) => child instanceof Y.AbstractType)).toBe(true)
  })

  test('does not keep a viewer from seeing the rest and what follows', async () => {
    const complaint = vi.spyOn(console, 'error')
    const page = await arrivedPage(strays, { readOnly: true })
    remotely(page, (fragment) => fragment.push([paragraph('Later')]))
    expect(page.editor.getText({ blockSeparator: ' ' })).toBe('Honest Later')
    expect(page.written).toEqual([])
    expect(complaint).not.toHaveBeenCalled()
  })
})

test('elements and marks of a newer version stay as they are while people edit around them', async () => {
  const page = await arrivedPage((fragment) =>
    fragment.push([
      paragraph('Before'),
      element('newBlock', { x: 1 }, [paragraph('inside')]),
      element('paragraph', {}, [text('with '), element('newInline', { y: 2 }), text(' in it', { newMark: { z: 3 } })]),
    ]),
  )
  const newer = page.fragment.toArray().slice(1).map(String)
  page.editor.commands.insertContentAt(1, 'Edited ')
  page.editor.commands.splitBlock()
  // Before and after them at once: the binding then compares everything in between.
  const { tr, doc } = page.editor.state
  const end = page.editor.schema.nodes.paragraph?.create(null, page.editor.schema.text('End'))
  if (end) tr.insert(doc.content.size, end)
  page.editor.view.dispatch(tr.insertText('Twice ', 1))
  expect(page.fragment.get(page.fragment.length - 1).toString()).toBe('<paragraph>End</paragraph>')
  expect(page.fragment.toArray().slice(-3, -1).map(String)).toEqual(newer)
  expect(page.editor.state.doc.textContent).toContain('Edited Before')
})

test('what is not shown goes alone: the blocks around it are not written anew', async () => {
  const page = await arrivedPage((fragment) => {
    fragment.push([paragraph('One'), element('bulletList'), paragraph('Two'), element('newBlock', {}, [paragraph('kept')])])
    fragment.push([element('bulletList'), paragraph('Three')])
  })
  const blocks = page.fragment.toArray().filter((child) => (child as Y.XmlElement).nodeName !== 'bulletList')
  const { tr, doc } = page.editor.state
  page.editor.view.dispatch(tr.insertText('!', doc.content.size - 1).insertText('!', 1))
  expect(page.fragment.toArray()).toEqual(blocks)
  expect(blocks.every((block, index) => block === page.fragment.get(index))).toBe(true)
  expect(page.fragment.toArray().map(String).join('')).toBe(
    '<paragraph>!One</paragraph><paragraph>Two</paragraph><newblock><paragraph>kept</paragraph></newblock><paragraph>Three!</paragraph>',
  )
})

test('typing inside text with a mark of a newer version keeps the mark and what it holds', async () => {
  const page = await arrivedPage((fragment) => fragment.push([element('paragraph', {}, [text('marked', { newMark: { z: 3 } })])]))
  const { view, schema } = page.editor
  const ruleFromNode = (node: Node) =>
    (node as { pmViewDesc?: { parseRule: () => TagParseRule | null } }).pmViewDesc?.parseRule() ?? null
  // What the view does when the browser has changed the text.
  const read = DOMParser.fromSchema(schema).parse(view.dom, { ruleFromNode } as ParseOptions)
  expect(read.firstChild?.firstChild?.marks.map(({ type, attrs }) => [type.name, attrs])).toEqual([['newMark', { z: 3 }]])
})

import { afterEach, describe, expect, test } from 'vitest'
import { blockActions } from './actions.ts'
import { filterActions, slashQuery } from './slash.ts'
import { STRINGS } from './strings.ts'
import { arrivedPage, closePages, element, paragraph, text } from './testing.ts'

afterEach(closePages)

const { text: texts, lists, blocks } = blockActions(STRINGS.en, () => undefined)
const groups = [texts, lists, blocks].map((actions, index) => ({ label: String(index), actions }))
const found = (query: string) => filterActions(groups, query).flatMap((group) => group.actions.map((action) => action.id))

test.each([
  ['tab', ['table']],
  ['TODO', ['taskList']],
  ['biaoge', ['table']],
  ['表格', ['table']],
  ['h2', ['heading2']],
  ['zzz', []],
])('%j finds %j', (query, ids) => {
  expect(found(query)).toEqual(ids)
})

test('words that begin so come alone; words that contain it only when none does', () => {
  expect(found('head')).toEqual(['heading1', 'heading2', 'heading3'])
  expect(found('vider')).toEqual(['rule'])
})

test('nothing typed offers everything, in its groups', () => {
  expect(filterActions(groups, '')).toHaveLength(3)
})

describe('a slash', () => {
  const queryIn = async (content: string, block = 'paragraph') => {
    const page = await arrivedPage((fragment) => fragment.push([element(block, {}, [text(content)])]))
    page.editor.commands.setTextSelection(content.length + 1)
    return slashQuery(page.editor.state)
  }

  test.each([
    ['/', ''],
    ['/tab', 'tab'],
    ['words /tab', 'tab'],
    ['、表', '表'],
    ['and/or', null],
    ['/two words', null],
    ['甲、乙', null],
  ])('in %j asks for %j', async (content, query) => {
    expect(await queryIn(content)).toBe(query)
  })

  test('in code is code', async () => {
    expect(await queryIn('/tab', 'codeBlock')).toBeNull()
  })
})

test('choosing removes what was typed and makes the block', async () => {
  const page = await arrivedPage((fragment) => fragment.push([paragraph('')]))
  const { editor } = page
  editor.commands.setTextSelection(1)
  for (const key of '/tod') editor.view.dispatch(editor.state.tr.insertText(key))
  expect(page.container.querySelectorAll('.document-slash-item')).toHaveLength(1)
  editor.view.someProp('handleKeyDown', (handle) => handle(editor.view, new KeyboardEvent('keydown', { key: 'Enter' })))
  expect(editor.getText().trim()).toBe('')
  expect(editor.state.doc.firstChild?.type.name).toBe('taskList')
})

import * as Y from 'yjs'
import { afterEach, expect, test, vi } from 'vitest'
import type { StoredFile } from '../contract.ts'
import { insertImage } from './images.ts'
import { arrivedPage, closePages, element, paragraph, remotely, storedFile, text, type Page } from './testing.ts'

afterEach(closePages)

const URL_OF_ONE = '/files/00000000-0000-0000-0000-000000000001'
const names = (page: Page) => page.editor.state.doc.children.map((child) => child.type.name)

function paste(page: Page, type = 'image/png', beside: Record<string, string> = {}): void {
  const getData = (kind: string) => beside[kind] ?? ''
  const event = { clipboardData: { types: ['Files'], files: [new File(['x'], 'x', { type })], getData } }
  page.editor.view.someProp('handlePaste', (handle) => handle(page.editor.view, event as never, null as never))
}

/** A store that answers when told to. */
function slowStore() {
  const answers: { resolve: (file: StoredFile) => void; reject: (error: Error) => void }[] = []
  const upload = vi.fn(() => new Promise<StoredFile>((resolve, reject) => answers.push({ resolve, reject })))
  return { upload, answers }
}

test('a picture lands where it was pasted, whatever others wrote meanwhile', async () => {
  const { upload, answers } = slowStore()
  const page = await arrivedPage((fragment) => fragment.push([paragraph('One'), paragraph('Two')]), { upload })
  page.editor.commands.setTextSelection(4)
  paste(page)
  expect(page.container.querySelector('.document-upload')).not.toBeNull()
  remotely(page, (fragment) => fragment.insert(0, [paragraph('Much that somebody else wrote first')]))
  expect(page.written).toEqual([])
  answers[0]?.resolve(storedFile(URL_OF_ONE))
  await vi.waitFor(() => expect(names(page)).toEqual(['paragraph', 'paragraph', 'image', 'paragraph']))
  expect(page.editor.state.doc.child(1).textContent).toBe('One')
  expect(page.container.querySelector('.document-upload')).toBeNull()
})

test('a failed upload stays, says why, and can be tried again', async () => {
  const { upload, answers } = slowStore()
  const page = await arrivedPage((fragment) => fragment.push([paragraph('One')]), { upload })
  paste(page)
  answers[0]?.reject(new Error('The file is too large.'))
  await vi.waitFor(() => expect(page.container.querySelector('.document-upload.is-failed')?.textContent).toContain('too large'))
  page.container.querySelector<HTMLButtonElement>('.document-upload button')?.click()
  expect(page.container.querySelector('.document-upload.is-failed')).toBeNull()
  answers[1]?.resolve(storedFile(URL_OF_ONE))
  await vi.waitFor(() => expect(names(page)).toContain('image'))
})

test('a picture that arrives after the right to edit went is not put in', async () => {
  const { upload, answers } = slowStore()
  const page = await arrivedPage((fragment) => fragment.push([paragraph('One')]), { upload })
  paste(page)
  page.view.setReadOnly(true)
  answers[0]?.resolve(storedFile(URL_OF_ONE))
  await vi.waitFor(() => expect(page.container.querySelector('.is-failed')).not.toBeNull())
  expect(names(page)).toEqual(['paragraph'])
})

test('a picture copied in a browser is uploaded; a picture of text beside the text is not', async () => {
  const { upload } = slowStore()
  const page = await arrivedPage((fragment) => fragment.push([paragraph('One')]), { upload })
  paste(page, 'image/png', { 'text/html': '<p>Text <b>from Word</b></p>', 'text/plain': 'Text from Word' })
  expect(upload).not.toHaveBeenCalled()
  paste(page, 'image/png', { 'text/html': '<meta charset="utf-8"><!--StartFragment--><img src="https://elsewhere.example/a.png">' })
  expect(upload).toHaveBeenCalledOnce()
})

test('what is no picture is refused in words', async () => {
  const { upload } = slowStore()
  const notify = vi.fn()
  const page = await arrivedPage((fragment) => fragment.push([paragraph('One')]), { upload, notify })
  paste(page, 'application/pdf')
  expect(notify).toHaveBeenCalledOnce()
  expect(upload).not.toHaveBeenCalled()
})

test('a picture at the end is followed by a line to write in, and never takes the selection', async () => {
  const page = await arrivedPage((fragment) => fragment.push([paragraph('One')]))
  page.editor.commands.setTextSelection(2)
  insertImage(page.editor, 4, { src: URL_OF_ONE, width: 4, height: 3, alt: null })
  expect(names(page)).toEqual(['paragraph', 'image', 'paragraph'])
  expect(page.editor.state.selection.from).toBe(2)
})

test('a picture meant for the middle of code comes after it', async () => {
  const page = await arrivedPage((fragment) => fragment.push([element('codeBlock', {}, [text('a = 1')]), paragraph('x')]))
  insertImage(page.editor, 3, { src: URL_OF_ONE, width: 4, height: 3, alt: null })
  expect(names(page)).toEqual(['codeBlock', 'image', 'paragraph'])
  expect((page.fragment.get(0) as Y.XmlElement).toString()).toContain('a = 1')
})

/** For the tests: a document page as the room shell mounts it, without a server. */
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { Editor } from '@tiptap/core'
import type { PageContext, PageView, StoredFile } from '../contract.ts'
import { mount } from './index.ts'

export interface Page {
  doc: Y.Doc
  fragment: Y.XmlFragment
  awareness: Awareness
  editor: Editor
  view: PageView
  container: HTMLElement
  /** Updates this page wrote itself. */
  written: Uint8Array[]
  /** Let the server's content count as arrived. */
  arrive: () => Promise<void>
}

const open = new Set<Page>()

export async function openPage(options: Partial<PageContext> & { doc?: Y.Doc } = {}): Promise<Page> {
  const doc = options.doc ?? new Y.Doc()
  const awareness = new Awareness(doc)
  const container = document.createElement('div')
  document.body.append(container)
  let arrived: () => void = () => undefined
  const synced = new Promise<void>((resolve) => (arrived = resolve))
  const written: Uint8Array[] = []
  doc.on('update', (update: Uint8Array, origin: unknown) => {
    if (origin !== 'remote') written.push(update)
  })
  const view = await mount({
    container,
    doc,
    awareness,
    page: { id: 'p', kind: 'document', title: 'Notes' },
    me: { id: 'u:1', name: 'Alice', color: '#d6312b' },
    readOnly: false,
    language: 'en',
    theme: 'light',
    synced,
    upload: () => Promise.reject(new Error('no store')),
    notify: () => undefined,
    files: () => undefined,
    ...options,
  })
  const { editor } = (container as unknown as { __document: { editor: Editor } }).__document
  const page: Page = {
    doc,
    fragment: doc.getXmlFragment('content'),
    awareness,
    editor,
    view,
    container,
    written,
    arrive: async () => {
      arrived()
      await synced
      await Promise.resolve()
    },
  }
  open.add(page)
  return page
}

/** A page whose content has arrived: `fill` writes what others wrote before. */
export async function arrivedPage(fill?: (fragment: Y.XmlFragment) => void, options: Partial<PageContext> = {}): Promise<Page> {
  const page = await openPage(options)
  if (fill) remotely(page, fill)
  await page.arrive()
  return page
}

/** What somebody else writes arrives here. */
export function remotely(page: Page, write: (fragment: Y.XmlFragment) => void): void {
  const other = new Y.Doc()
  Y.applyUpdate(other, Y.encodeStateAsUpdate(page.doc))
  other.transact(() => write(other.getXmlFragment('content')))
  Y.applyUpdate(page.doc, Y.encodeStateAsUpdate(other, Y.encodeStateVector(page.doc)), 'remote')
}

/** Exchange everything both have. */
export function exchange(one: Page, other: Page): void {
  for (let round = 0; round < 3; round += 1) {
    Y.applyUpdate(one.doc, Y.encodeStateAsUpdate(other.doc, Y.encodeStateVector(one.doc)), 'remote')
    Y.applyUpdate(other.doc, Y.encodeStateAsUpdate(one.doc, Y.encodeStateVector(other.doc)), 'remote')
  }
}

export function closePages(): void {
  for (const page of open) {
    page.view.destroy()
    page.container.remove()
  }
  open.clear()
}

export function element(name: string, attributes: Record<string, unknown> = {}, children: (Y.XmlElement | Y.XmlText)[] = []): Y.XmlElement {
  const made = new Y.XmlElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value as string)
  if (children.length > 0) made.insert(0, children)
  return made
}

export function text(content: string, marks?: Record<string, unknown>): Y.XmlText {
  const made = new Y.XmlText()
  made.insert(0, content, marks)
  return made
}

export const paragraph = (content: string) => element('paragraph', {}, [text(content)])

export const storedFile = (url: string): StoredFile => ({ id: '1', url, type: 'image/png', width: 4, height: 3, bytes: 9 })

/** Hands a person what is in a page's document as a file, when the server will not take it. */
import type * as Y from 'yjs'
import { SHARED_TYPES } from '../contract'
import { language } from '../i18n'
import { boardToExcalidraw } from './board'
import { documentToHtml } from './document'

export interface Rescued {
  name: string
  type: string
  text: string
}

/** Names of files may not contain these on one system or another. */
const FORBIDDEN = /[\u0000-\u001f\u007f<>:"/\\|?*]+/g

export function rescue(doc: Y.Doc, page: { kind: 'board' | 'document'; title: string }): Rescued {
  const name = page.title.replace(FORBIDDEN, ' ').replace(/^[. ]+|[. ]+$/g, '').slice(0, 80) || page.kind
  if (page.kind === 'board') {
    return { name: `${name}.excalidraw`, type: 'application/json', text: boardToExcalidraw(doc.getMap(SHARED_TYPES.elements)) }
  }
  const text = documentToHtml(doc.getXmlFragment(SHARED_TYPES.content), page.title, language())
  return { name: `${name}.html`, type: 'text/html', text }
}

export function download({ name, type, text }: Rescued): void {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The browser has taken hold of it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

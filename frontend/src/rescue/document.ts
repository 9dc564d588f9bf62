/** A document as an HTML file: what a person is given when their changes cannot be stored. */
import * as Y from 'yjs'
import { isSafeLink } from '../document/attributes'

const BLOCKS: Record<string, string> = {
  paragraph: 'p',
  bulletList: 'ul',
  orderedList: 'ol',
  listItem: 'li',
  taskList: 'ul',
  taskItem: 'li',
  blockquote: 'blockquote',
  table: 'table',
  tableRow: 'tr',
  tableHeader: 'th',
  tableCell: 'td',
}
const MARKS: Record<string, string> = {
  bold: 'strong',
  italic: 'em',
  underline: 'u',
  strike: 's',
  code: 'code',
  highlight: 'mark',
}

const escape = (text: string): string =>
  text.replace(/[&<>"]/g, (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[one] ?? one)

/** Everything is escaped; what this version does not know is written as the text in it. */
export function documentToHtml(fragment: Y.XmlFragment, title: string, language: string): string {
  return (
    `<!doctype html>\n<html lang="${escape(language)}"><meta charset="utf-8"><title>${escape(title)}</title>\n` +
    `<h1>${escape(title)}</h1>\n${fragment.toArray().map(write).join('\n')}\n</html>\n`
  )
}

function write(node: unknown): string {
  if (node instanceof Y.XmlText) return text(node)
  if (!(node instanceof Y.XmlElement)) return ''
  const inner = node.toArray().map(write).join('')
  switch (node.nodeName) {
    case 'heading': {
      const level = Math.min(6, Math.max(1, Number(node.getAttribute('level')) || 1) + 1)
      return `<h${level}>${inner}</h${level}>`
    }
    case 'codeBlock':
      return `<pre><code>${inner}</code></pre>`
    case 'horizontalRule':
      return '<hr>'
    case 'hardBreak':
      return '<br>'
    case 'taskItem':
      return `<li>${String(node.getAttribute('checked')) === 'true' ? '☑' : '☐'} ${inner}</li>`
    case 'image':
      return `<p>[${escape(String(node.getAttribute('alt') ?? node.getAttribute('src') ?? ''))}]</p>`
    default: {
      const tag = BLOCKS[node.nodeName]
      return tag ? `<${tag}>${inner}</${tag}>` : inner
    }
  }
}

function text(node: Y.XmlText): string {
  const pieces = node.toDelta() as { insert: unknown; attributes?: Record<string, unknown> }[]
  return pieces
    .map(({ insert, attributes = {} }) => {
      let html = typeof insert === 'string' ? escape(insert) : ''
      for (const [name, value] of Object.entries(attributes)) {
        // Marks that may overlap themselves carry a hash behind their name.
        const mark = name.split('--')[0] ?? name
        const href = (value as { href?: unknown } | null)?.href
        if (mark === 'link' && isSafeLink(href)) html = `<a href="${escape(href)}">${html}</a>`
        const tag = MARKS[mark]
        if (tag && value !== null) html = `<${tag}>${html}</${tag}>`
      }
      return html
    })
    .join('')
}

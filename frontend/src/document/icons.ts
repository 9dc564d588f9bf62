/** The icons of the document editor: Lucide (ISC), as inline SVG. Text of our own build, never of a document. */
import bold from 'lucide-static/icons/bold.svg?raw'
import captions from 'lucide-static/icons/captions.svg?raw'
import check from 'lucide-static/icons/check.svg?raw'
import chevronDown from 'lucide-static/icons/chevron-down.svg?raw'
import code from 'lucide-static/icons/code.svg?raw'
import copy from 'lucide-static/icons/copy.svg?raw'
import heading1 from 'lucide-static/icons/heading-1.svg?raw'
import heading2 from 'lucide-static/icons/heading-2.svg?raw'
import heading3 from 'lucide-static/icons/heading-3.svg?raw'
import highlighter from 'lucide-static/icons/highlighter.svg?raw'
import image from 'lucide-static/icons/image.svg?raw'
import italic from 'lucide-static/icons/italic.svg?raw'
import link from 'lucide-static/icons/link.svg?raw'
import listOrdered from 'lucide-static/icons/list-ordered.svg?raw'
import listTodo from 'lucide-static/icons/list-todo.svg?raw'
import list from 'lucide-static/icons/list.svg?raw'
import minus from 'lucide-static/icons/minus.svg?raw'
import panelTop from 'lucide-static/icons/panel-top.svg?raw'
import pencil from 'lucide-static/icons/pencil.svg?raw'
import redo from 'lucide-static/icons/redo-2.svg?raw'
import squareCode from 'lucide-static/icons/square-code.svg?raw'
import strikethrough from 'lucide-static/icons/strikethrough.svg?raw'
import table from 'lucide-static/icons/table.svg?raw'
import textQuote from 'lucide-static/icons/text-quote.svg?raw'
import trash from 'lucide-static/icons/trash-2.svg?raw'
import type from 'lucide-static/icons/type.svg?raw'
import underline from 'lucide-static/icons/underline.svg?raw'
import undo from 'lucide-static/icons/undo-2.svg?raw'
import unlink from 'lucide-static/icons/unlink.svg?raw'

/** Table operations, which Lucide does not draw: a grid with what is added filled or what is removed crossed. */
const grid = (body: string) =>
  `<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">${body}</svg>`

const ICONS = {
  bold,
  captions,
  check,
  chevronDown,
  code,
  copy,
  heading1,
  heading2,
  heading3,
  highlight: highlighter,
  image,
  italic,
  link,
  orderedList: listOrdered,
  taskList: listTodo,
  bulletList: list,
  rule: minus,
  headerRow: panelTop,
  edit: pencil,
  redo,
  codeBlock: squareCode,
  strike: strikethrough,
  table,
  quote: textQuote,
  remove: trash,
  paragraph: type,
  underline,
  undo,
  unlink,
  rowAbove: grid('<rect x="3" y="13" width="18" height="8" rx="2"/><path d="M12 3v6M9 6h6"/>'),
  rowBelow: grid('<rect x="3" y="3" width="18" height="8" rx="2"/><path d="M12 15v6M9 18h6"/>'),
  columnBefore: grid('<rect x="13" y="3" width="8" height="18" rx="2"/><path d="M6 9v6M3 12h6"/>'),
  columnAfter: grid('<rect x="3" y="3" width="8" height="18" rx="2"/><path d="M18 9v6M15 12h6"/>'),
  deleteRow: grid('<rect x="3" y="8" width="11" height="8" rx="2"/><path d="m17 10 4 4M21 10l-4 4"/>'),
  deleteColumn: grid('<rect x="8" y="3" width="8" height="11" rx="2"/><path d="m10 17 4 4M14 17l-4 4"/>'),
} as const

export type IconName = keyof typeof ICONS

export function icon(name: string): HTMLElement {
  const holder = document.createElement('span')
  holder.className = 'document-icon'
  holder.setAttribute('aria-hidden', 'true')
  holder.innerHTML = ICONS[name as IconName] ?? ''
  return holder
}

/**
 * What a document can contain. The list of extensions below is the schema.
 *
 * Names of nodes and marks are stored in every page and read by the server's renderers: they never change. An element
 * that a client does not know stays as it is while that client edits around it (see reading.ts).
 */
import {
  Mark,
  mergeAttributes,
  Node,
  textblockTypeInputRule,
  type AnyExtension,
  type ExtendedRegExpMatchArray,
} from '@tiptap/core'
import { Blockquote } from '@tiptap/extension-blockquote'
import { Bold } from '@tiptap/extension-bold'
import { Code } from '@tiptap/extension-code'
import { CodeBlock } from '@tiptap/extension-code-block'
import { Document } from '@tiptap/extension-document'
import { HardBreak } from '@tiptap/extension-hard-break'
import { Heading } from '@tiptap/extension-heading'
import { Highlight } from '@tiptap/extension-highlight'
import { HorizontalRule } from '@tiptap/extension-horizontal-rule'
import { Italic } from '@tiptap/extension-italic'
import { BulletList, ListItem, ListKeymap, OrderedList, TaskItem, TaskList } from '@tiptap/extension-list'
import { Paragraph } from '@tiptap/extension-paragraph'
import { Strike } from '@tiptap/extension-strike'
import { TableCell, TableHeader, TableRow } from '@tiptap/extension-table'
import { Text } from '@tiptap/extension-text'
import { Underline } from '@tiptap/extension-underline'
import { codeLanguage, isSafeLink, isStoredFile } from './attributes.ts'
import type { Strings } from './strings.ts'
import { SoundTable } from './tables.ts'

/** A link. Only the address is stored: how it opens is the view's business. */
export const LinkMark = Mark.create({
  name: 'link',
  priority: 1000,
  inclusive: false,
  keepOnSplit: false,

  addAttributes: () => ({ href: { default: null } }),

  parseHTML: () => [
    {
      tag: 'a[href]',
      getAttrs: (element) => {
        const href = element.getAttribute('href')?.trim()
        return isSafeLink(href) ? { href } : false
      },
    },
  ],

  renderHTML: ({ HTMLAttributes }) =>
    isSafeLink(HTMLAttributes.href)
      ? ['a', { href: HTMLAttributes.href, target: '_blank', rel: 'noopener noreferrer nofollow' }, 0]
      : ['span', 0],
})

/** A picture in this product's store. */
export const ImageNode = Node.create({
  name: 'image',
  group: 'block',
  atom: true,
  draggable: true,

  addAttributes: () => ({
    src: { default: null },
    alt: { default: null },
    width: { default: null, parseHTML: (element: HTMLElement) => Number(element.getAttribute('width')) || null },
    height: { default: null, parseHTML: (element: HTMLElement) => Number(element.getAttribute('height')) || null },
  }),

  parseHTML: () => [
    { tag: 'img[src]', getAttrs: (element) => (isStoredFile(element.getAttribute('src')) ? null : false) },
  ],

  renderHTML: ({ HTMLAttributes }) =>
    isStoredFile(HTMLAttributes.src) ? ['img', mergeAttributes(HTMLAttributes, { loading: 'lazy' })] : ['img', { alt: '' }],
})

/**
 * What stands for an element this version does not know; the element itself stays untouched in Yjs. Neither has a parse
 * rule: a copy of the placeholder would be a placeholder for nothing.
 */
const unsupported = (name: string, inline: boolean, text: string) =>
  Node.create({
    name,
    group: inline ? 'inline' : 'block',
    inline,
    atom: true,
    draggable: false,
    addAttributes: () => ({ name: { default: '', rendered: false } }),
    renderHTML: () => [inline ? 'span' : 'div', { 'data-unsupported': '', class: 'document-unsupported', title: text }],
    addNodeView: () => () => {
      const dom = document.createElement(inline ? 'span' : 'div')
      dom.className = 'document-unsupported'
      dom.textContent = inline ? '…' : text
      dom.title = text
      return { dom }
    },
  })

export interface SchemaOptions {
  strings: Strings
  /** The picture node with its view; without one, pictures are plain. */
  image?: AnyExtension
  /** The code block with its view. */
  codeBlock?: AnyExtension
}

/** Inline code goes together with every other mark, so that two people may format one word at once. */
const PlainCode = Code.extend({ excludes: 'code' })

/** Stored languages are ours by name; what somebody types after ``` may be an alias. */
export const CodeBlockNode = CodeBlock.extend({
  addInputRules() {
    const getAttributes = (match: ExtendedRegExpMatchArray) => ({ language: codeLanguage(match[1]) })
    return [/^```([a-z+]+)?[\s\n]$/, /^~~~([a-z+]+)?[\s\n]$/].map((find) =>
      textblockTypeInputRule({ find, type: this.type, getAttributes }),
    )
  },

  addAttributes() {
    const language = (this.parent?.() as { language?: { parseHTML?: (element: HTMLElement) => unknown } }).language
    return {
      language: {
        ...language,
        parseHTML: (element: HTMLElement) => codeLanguage(language?.parseHTML?.(element)),
      },
    }
  },
}).configure({ enableTabIndentation: true, tabSize: 2 })

export function schemaExtensions({ strings, image, codeBlock }: SchemaOptions): AnyExtension[] {
  return [
    Document,
    Paragraph,
    Text,
    Heading.configure({ levels: [1, 2, 3] }),
    HardBreak,
    BulletList,
    OrderedList,
    ListItem,
    TaskList,
    TaskItem.configure({
      nested: true,
      a11y: {
        checkboxLabel: (node, checked) => {
          const text = node.firstChild?.textContent.slice(0, 80) ?? ''
          return checked ? strings.taskDone(text) : strings.task(text)
        },
      },
    }),
    ListKeymap,
    Blockquote,
    codeBlock ?? CodeBlockNode,
    SoundTable.configure({ resizable: true, cellMinWidth: 60 }),
    TableRow,
    TableHeader,
    TableCell,
    image ?? ImageNode,
    HorizontalRule,
    unsupported('unsupportedBlock', false, strings.unsupported),
    unsupported('unsupportedInline', true, strings.unsupported),
    LinkMark,
    Bold,
    Italic,
    Underline,
    Strike,
    PlainCode,
    Highlight,
  ]
}

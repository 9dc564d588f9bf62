/** Code blocks: colours for the languages we know, as soon as they are loaded, and a picker for the language. */
import { findChildren, type Editor } from '@tiptap/core'
import type { Node } from '@tiptap/pm/model'
import { Plugin, PluginKey } from '@tiptap/pm/state'
import { Decoration, DecorationSet } from '@tiptap/pm/view'
import { CODE_LANGUAGES, codeLanguage, type CodeLanguage } from './attributes.ts'
import { CodeBlockNode } from './schema.ts'
import type { Strings } from './strings.ts'

/** Longer blocks stay plain: colouring them would hold up every key stroke. */
const LONGEST_COLOURED = 20_000
const NAMES: Partial<Record<CodeLanguage, string>> = {
  cpp: 'C++',
  css: 'CSS',
  html: 'HTML',
  javascript: 'JavaScript',
  json: 'JSON',
  sql: 'SQL',
  typescript: 'TypeScript',
  yaml: 'YAML',
}
const nameOf = (language: CodeLanguage) => NAMES[language] ?? language.charAt(0).toUpperCase() + language.slice(1)

const key = new PluginKey<DecorationSet>('codeColours')

type Highlight = typeof import('./code-colours.ts').highlight

let highlight: Highlight | undefined
let loading: Promise<void> | undefined
/** What to do when the colours have come: editors whose blocks are plain until then. */
const waiting = new Set<() => void>()

/** Once only: code that cannot be loaded stays plain until the page is opened again. */
function load(): void {
  loading ??= import('./code-colours.ts').then(
    (colours) => {
      highlight = colours.highlight
      waiting.forEach((redraw) => redraw())
    },
    (error: unknown) => console.warn('Code is shown without colours', error),
  )
}

/** The same block has the same colours: they are made once for as long as the node lives. */
const known = new WeakMap<Node, [from: number, to: number, classes: string][]>()

function coloursOf(block: Node) {
  const made = known.get(block)
  if (made) return made
  const colours: [number, number, string][] = []
  const language = codeLanguage(block.attrs['language'])
  if (language && block.content.size > 0 && block.content.size <= LONGEST_COLOURED) {
    if (!highlight) {
      load()
      return colours
    }
    let at = 0
    for (const [text, classes] of highlight(language, block.textContent)) {
      if (classes) colours.push([at, at + text.length, classes])
      at += text.length
    }
  }
  known.set(block, colours)
  return colours
}

const decorate = (doc: Node) =>
  DecorationSet.create(
    doc,
    findChildren(doc, (node) => node.type.name === 'codeBlock').flatMap(({ node, pos }) =>
      coloursOf(node).map(([from, to, classes]) => Decoration.inline(pos + 1 + from, pos + 1 + to, { class: classes })),
    ),
  )

export const codeBlock = (strings: Strings) =>
  CodeBlockNode.extend({
    addProseMirrorPlugins() {
      return [
        ...(this.parent?.() ?? []),
        new Plugin<DecorationSet>({
          key,
          state: {
            init: (_, { doc }) => decorate(doc),
            apply: (transaction, shown) =>
              transaction.docChanged || transaction.getMeta(key) ? decorate(transaction.doc) : shown,
          },
          props: { decorations: (state) => key.getState(state) },
          view: (view) => {
            const redraw = () => view.dispatch(view.state.tr.setMeta(key, true).setMeta('addToHistory', false))
            waiting.add(redraw)
            return { destroy: () => waiting.delete(redraw) }
          },
        }),
      ]
    },

    addNodeView() {
      return ({ node, editor, getPos }) => new CodeView(node, editor, getPos, strings)
    },
  })

function option(label: string, value: string): HTMLOptionElement {
  const element = document.createElement('option')
  element.textContent = label
  element.value = value
  return element
}

class CodeView {
  readonly dom = document.createElement('div')
  readonly contentDOM = document.createElement('code')
  readonly #picker = document.createElement('select')
  #node: Node
  readonly #settle: () => void
  readonly #editor: Editor

  constructor(node: Node, editor: Editor, getPos: () => number | undefined, strings: Strings) {
    this.#node = node
    this.#editor = editor
    this.dom.className = 'document-code'
    this.#picker.className = 'document-code-language'
    this.#picker.setAttribute('aria-label', strings.codeLanguage)
    this.#picker.contentEditable = 'false'
    this.#picker.append(option(strings.codePlain, ''), ...CODE_LANGUAGES.map((one) => option(nameOf(one), one)))
    this.#picker.addEventListener('change', () => {
      const at = getPos()
      if (at === undefined) return
      editor.view.dispatch(editor.state.tr.setNodeAttribute(at, 'language', codeLanguage(this.#picker.value)))
      editor.view.focus()
    })
    const pre = document.createElement('pre')
    pre.spellcheck = false
    pre.append(this.contentDOM)
    this.dom.append(this.#picker, pre)
    this.#settle = () => {
      this.#picker.value = codeLanguage(this.#node.attrs['language']) ?? ''
      this.#picker.disabled = !this.#editor.isEditable
    }
    this.#settle()
    editor.on('update', this.#settle)
    editor.on('transaction', this.#settle)
  }

  update(node: Node): boolean {
    if (node.type !== this.#node.type) return false
    this.#node = node
    this.#settle()
    return true
  }

  stopEvent(event: Event): boolean {
    return event.target === this.#picker
  }

  ignoreMutation(mutation: { target: globalThis.Node; type: string }): boolean {
    return mutation.type !== 'selection' && !this.contentDOM.contains(mutation.target)
  }

  destroy(): void {
    this.#editor.off('update', this.#settle)
    this.#editor.off('transaction', this.#settle)
  }
}

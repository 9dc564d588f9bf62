/** Code blocks: colours for the languages we know, and a picker for the language. */
import { findChildren, type Editor } from '@tiptap/core'
import type { Node } from '@tiptap/pm/model'
import { Plugin, PluginKey } from '@tiptap/pm/state'
import { Decoration, DecorationSet } from '@tiptap/pm/view'
import bash from 'highlight.js/lib/languages/bash'
import c from 'highlight.js/lib/languages/c'
import cpp from 'highlight.js/lib/languages/cpp'
import css from 'highlight.js/lib/languages/css'
import go from 'highlight.js/lib/languages/go'
import java from 'highlight.js/lib/languages/java'
import javascript from 'highlight.js/lib/languages/javascript'
import json from 'highlight.js/lib/languages/json'
import markdown from 'highlight.js/lib/languages/markdown'
import python from 'highlight.js/lib/languages/python'
import rust from 'highlight.js/lib/languages/rust'
import sql from 'highlight.js/lib/languages/sql'
import typescript from 'highlight.js/lib/languages/typescript'
import html from 'highlight.js/lib/languages/xml'
import yaml from 'highlight.js/lib/languages/yaml'
import { createLowlight } from 'lowlight'
import { CODE_LANGUAGES, codeLanguage, type CodeLanguage } from './attributes.ts'
import { CodeBlockNode } from './schema.ts'
import type { Strings } from './strings.ts'

const lowlight = createLowlight({
  bash,
  c,
  cpp,
  css,
  go,
  html,
  java,
  javascript,
  json,
  markdown,
  python,
  rust,
  sql,
  typescript,
  yaml,
})

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

interface Piece {
  type: string
  value?: string
  properties?: { className?: string[] }
  children?: Piece[]
}

function* pieces(nodes: readonly Piece[], classes: readonly string[] = []): Generator<[text: string, classes: string]> {
  for (const node of nodes) {
    const own = [...classes, ...(node.properties?.className ?? [])]
    if (node.children) yield* pieces(node.children, own)
    else yield [node.value ?? '', own.join(' ')]
  }
}

/** The same block has the same colours: they are made once for as long as the node lives. */
const known = new WeakMap<Node, [from: number, to: number, classes: string][]>()

function coloursOf(block: Node) {
  const made = known.get(block)
  if (made) return made
  const colours: [number, number, string][] = []
  const language = codeLanguage(block.attrs['language'])
  if (language && block.content.size <= LONGEST_COLOURED) {
    let at = 0
    for (const [text, classes] of pieces(lowlight.highlight(language, block.textContent).children as Piece[])) {
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
            apply: (transaction, shown) => (transaction.docChanged ? decorate(transaction.doc) : shown),
          },
          props: { decorations: (state) => key.getState(state) },
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

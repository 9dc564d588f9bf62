/** Links: what counts as one, how they are typed and pasted, and the bar that opens, edits and removes them. */
import { Extension, getMarkRange, InputRule, posToDOMRect, type Editor } from '@tiptap/core'
import { Plugin, TextSelection } from '@tiptap/pm/state'
import { isSafeLink } from './attributes.ts'
import { button, keysText, lineForm } from './controls.ts'
import { Floating } from './floating.ts'
import type { Strings } from './strings.ts'

/** The link that a person means by what they typed, or null: `example.com` is https, `mei@example.com` a mailto. */
export function linkFrom(typed: string): string | null {
  const text = typed.trim()
  if (isSafeLink(text)) return text
  if (/^[^\s@:/]+@[^\s@:/]+\.[^\s@:/]+$/.test(text)) return `mailto:${text}`
  if (/^[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}(:\d+)?([/?#]\S*)?$/i.test(text) || /^localhost(:\d+)?([/?#]\S*)?$/i.test(text)) {
    const href = `https://${text}`
    return isSafeLink(href) ? href : null
  }
  return null
}

const TYPED_LINK = /(?:^|\s)((?:https?:\/\/|www\.)[^\s<>"']+)\s$/i
/** Punctuation at the end belongs to the sentence, not to the address. */
const SENTENCE_END = /[.,;:!?。，；：！？、)\]}）」』”’]+$/

/** Links made while writing: an address followed by a space, and an address pasted over selected text. */
export const LinkTyping = Extension.create<{ edit: () => void }>({
  name: 'linkTyping',
  addOptions: () => ({ edit: () => undefined }),

  addKeyboardShortcuts() {
    return {
      'Mod-k': () => {
        this.options.edit()
        return true
      },
    }
  },

  addInputRules() {
    const type = this.editor.schema.marks.link
    if (!type) return []
    return [
      new InputRule({
        find: TYPED_LINK,
        handler: ({ state, range, match }) => {
          const typed = (match[1] ?? '').replace(SENTENCE_END, '')
          const href = linkFrom(typed)
          const from = range.from + match[0].indexOf(match[1] ?? '')
          if (!href || state.doc.rangeHasMark(from, from + typed.length, type)) return null
          state.tr.addMark(from, from + typed.length, type.create({ href })).insertText(' ', range.to)
          return undefined
        },
      }),
    ]
  },

  addProseMirrorPlugins() {
    const { editor } = this
    return [
      new Plugin({
        props: {
          handlePaste: (view, event) => {
            const type = view.state.schema.marks.link
            const text = event.clipboardData?.getData('text/plain').trim() ?? ''
            const { from, to, empty, $from } = view.state.selection
            if (!type || /\s/.test(text) || !isSafeLink(text) || $from.parent.type.spec.code) return false
            const mark = type.create({ href: text })
            const { tr } = view.state
            view.dispatch(
              empty ? tr.replaceSelectionWith(view.state.schema.text(text, [mark]), false) : tr.addMark(from, to, mark),
            )
            return true
          },
          handleClick: (_view, _position, event) => {
            const link = (event.target as Element).closest?.('a[href]')
            const href = link?.getAttribute('href')
            if (!isSafeLink(href) || !editor.isEditable || !(event.metaKey || event.ctrlKey)) return false
            window.open(href, '_blank', 'noopener,noreferrer')
            return true
          },
        },
      }),
    ]
  },
})

/**
 * Let the editor know what is selected on the screen, which it hears of a moment later.
 *
 * A busy browser hands out the next key before it says that the selection changed; a field that takes the focus then
 * would leave the editor with the old one for good.
 */
function takeSelection({ view }: Editor): void {
  const shown = document.getSelection()
  if (!view.hasFocus() || !shown?.anchorNode || !shown.focusNode) return
  if (!view.dom.contains(shown.anchorNode) || !view.dom.contains(shown.focusNode)) return
  const { doc, selection, tr } = view.state
  if (!(selection instanceof TextSelection)) return
  const anchor = doc.resolve(view.posAtDOM(shown.anchorNode, shown.anchorOffset))
  const head = doc.resolve(view.posAtDOM(shown.focusNode, shown.focusOffset))
  const taken = TextSelection.between(anchor, head)
  if (!taken.eq(selection)) view.dispatch(tr.setSelection(taken))
}

/** The bar under a link, and the form that makes or changes one. */
export function linkControls(editor: Editor, layer: HTMLElement, strings: Strings, notify: (message: string) => void) {
  const floating = new Floating(layer, 'document-bar document-link-bar')
  floating.element.setAttribute('role', 'group')
  floating.element.setAttribute('aria-label', strings.link)
  let editing = false

  const view = document.createElement('div')
  view.className = 'document-link-view'
  const address = document.createElement('a')
  address.target = '_blank'
  address.rel = 'noopener noreferrer nofollow'
  address.className = 'document-link-address'
  address.title = `${strings.linkOpen} (${strings.linkHint(keysText('Mod'))})`
  const copy = button('copy', strings.linkCopy, () => {
    void navigator.clipboard?.writeText(address.href).then(() => notify(strings.linkCopied))
  })
  const remove = button('unlink', strings.linkRemove, () => {
    const range = currentRange()
    if (range) editor.chain().focus().setTextSelection(range).unsetMark('link').setTextSelection(range.to).run()
  })
  const change = button('edit', strings.linkEdit, () => edit())
  view.append(address, copy, change, remove)

  const form = lineForm(strings.linkAddress, strings.linkPlaceholder, strings.linkApply, submit, () => {
    close()
    editor.commands.focus()
  })
  floating.element.append(view, form.element)
  floating.element.addEventListener('focusout', (event) => {
    if (editing && !floating.element.contains(event.relatedTarget as Node | null)) close()
  })

  const currentRange = () => {
    const type = editor.schema.marks.link
    return type ? getMarkRange(editor.state.selection.$from, type) : undefined
  }
  const place = (from: number, to: number) =>
    floating.show(() => {
      const end = editor.state.doc.content.size
      return posToDOMRect(editor.view, Math.min(from, end), Math.min(to, end))
    }, 'below-start')

  function close(): void {
    editing = false
    floating.hide()
  }

  function edit(): void {
    takeSelection(editor)
    if (!editor.isEditable || !editor.can().setMark('link')) return
    const range = currentRange()
    editing = true
    view.hidden = true
    form.element.hidden = false
    form.complain('')
    form.input.value = (editor.getAttributes('link').href as string | null) ?? ''
    const { from, to } = range ?? editor.state.selection
    place(from, to)
    form.input.focus()
    form.input.select()
  }

  function submit(typed: string): void {
    const range = currentRange()
    if (typed.trim() === '') {
      close()
      if (range) editor.chain().focus().setTextSelection(range).unsetMark('link').run()
      else editor.commands.focus()
      return
    }
    const href = linkFrom(typed)
    if (!href) return form.complain(strings.linkBad)
    close()
    const chain = editor.chain().focus()
    if (range) {
      chain.setTextSelection(range).setMark('link', { href }).setTextSelection(range.to).run()
    } else if (editor.state.selection.empty) {
      chain.insertContent({ type: 'text', text: typed.trim(), marks: [{ type: 'link', attrs: { href } }] }).run()
    } else {
      chain.setMark('link', { href }).setTextSelection(editor.state.selection.to).run()
    }
  }

  return {
    edit,
    get busy() {
      return editing
    },
    move: () => floating.move(),
    update: () => {
      if (editing) return editor.isEditable ? floating.move() : close()
      const href: unknown = editor.getAttributes('link').href
      const range = editor.state.selection.empty ? currentRange() : undefined
      const focus = editor.isFocused || floating.element.contains(document.activeElement)
      if (!editor.isEditable || !range || !isSafeLink(href) || !focus) return close()
      view.hidden = false
      form.element.hidden = true
      address.href = href
      address.textContent = href.replace(/^(https?:\/\/|mailto:)/i, '')
      place(range.from, range.to)
    },
    destroy: () => floating.destroy(),
  }
}

/** The bar beside selected text. Not for fingers: a phone shows its own there, and the toolbar has everything. */
import { posToDOMRect, type Editor } from '@tiptap/core'
import { TextSelection } from '@tiptap/pm/state'
import { markActions, type Action } from './actions.ts'
import { button, rove } from './controls.ts'
import { Floating } from './floating.ts'
import type { Strings } from './strings.ts'

export function createBubble(editor: Editor, layer: HTMLElement, strings: Strings, editLink: () => void) {
  const floating = new Floating(layer, 'document-bar document-bubble')
  floating.element.setAttribute('role', 'toolbar')
  floating.element.setAttribute('aria-label', strings.bubbleLabel)
  const link: Action = {
    id: 'link',
    icon: 'link',
    label: strings.link,
    keys: 'Mod-k',
    isActive: (one) => one.isActive('link'),
    isEnabled: (one) => one.can().setMark('link'),
    run: editLink,
  }
  const controls = [...markActions(strings), link].map((action) => {
    const control = button(action.icon, action.label, () => action.run(editor), action.keys)
    floating.element.append(control)
    return { action, control }
  })
  const settle = rove(floating.element, () => editor.commands.focus())

  // While the pointer is still choosing, a bar in its way would only disturb.
  let choosing = false
  const down = (event: PointerEvent) => {
    choosing = editor.view.dom.contains(event.target as Node)
    if (choosing) floating.hide()
  }
  const up = () => {
    choosing = false
    update()
  }
  document.addEventListener('pointerdown', down, true)
  document.addEventListener('pointerup', up, true)

  const wanted = (): boolean => {
    const { selection, doc } = editor.state
    if (choosing || !editor.isEditable || !(selection instanceof TextSelection) || selection.empty) return false
    if (!editor.isFocused && !floating.element.contains(document.activeElement)) return false
    if (editor.isActive('codeBlock') || matchMedia('(pointer: coarse)').matches) return false
    return doc.textBetween(selection.from, selection.to, ' ').trim() !== ''
  }
  const update = () => {
    if (editor.isDestroyed || !wanted()) return floating.hide()
    for (const { action, control } of controls) {
      control.disabled = !action.isEnabled(editor)
      control.setAttribute('aria-pressed', String(action.isActive?.(editor) ?? false))
    }
    settle()
    const { from, to } = editor.state.selection
    floating.show(() => posToDOMRect(editor.view, from, to), 'above')
  }
  return {
    update,
    move: () => floating.move(),
    hide: () => floating.hide(),
    destroy: () => {
      document.removeEventListener('pointerdown', down, true)
      document.removeEventListener('pointerup', up, true)
      floating.destroy()
    },
  }
}

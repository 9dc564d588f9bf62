/** Modal dialogs: the browser's own element traps the focus and gives it back, to the page if it was used last. */
import x from 'lucide-static/icons/x.svg?raw'
import { h, icon } from './element'
import { pageFocus } from './focus'
import { roomStrings } from './strings'

let count = 0

/**
 * Open a dialog.
 *
 * Returns:
 *     A function that closes it. Escape and a click beside it close it too.
 */
export function openDialog(title: string, ...content: Node[]): () => void {
  const id = `dialog-${(count += 1)}`
  const dialog = h('dialog', { class: 'dialog', 'aria-labelledby': id })
  const close = (): void => dialog.close()
  dialog.append(
    h(
      'div',
      { class: 'dialog-head' },
      h('h2', { id }, title),
      h('button', { class: 'button quiet icon', type: 'button', 'aria-label': roomStrings().close, on: { click: close } }, icon(x)),
    ),
    ...content,
  )
  const origin = pageFocus()
  dialog.addEventListener('close', () => {
    dialog.remove()
    if (origin?.isConnected) origin.focus()
  })
  dialog.addEventListener('pointerdown', (event) => {
    const box = dialog.getBoundingClientRect()
    const inside =
      event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom
    if (event.target === dialog && !inside) close()
  })
  document.body.append(dialog)
  dialog.showModal()
  const field = dialog.querySelector<HTMLElement>('[autofocus]')
  field?.focus()
  if (field instanceof HTMLInputElement) field.select()
  return close
}

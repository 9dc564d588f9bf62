/** Short messages at the lower edge, and the polite voice for people who do not see them. */
import x from 'lucide-static/icons/x.svg?raw'
import { h, icon } from './element'
import { roomStrings } from './strings'

const SHOWN_MS = { info: 4_000, error: 9_000 }
const AT_MOST = 3

const voice = h('div', { class: 'visually-hidden', role: 'status', 'aria-live': 'polite' })
const stack = h('div', { class: 'toasts' })

/** Put both into the page: live regions must be there before they speak. */
export function installToasts(): void {
  document.body.append(voice, stack)
}

/** Say something to people who use a screen reader, without showing it. */
export function announce(message: string): void {
  // The same sentence twice is spoken twice only when the text node is new.
  voice.replaceChildren(h('span', {}, message))
}

export function toast(message: string, kind: 'info' | 'error' = 'info'): void {
  const remove = (): void => element.remove()
  const element = h(
    'div',
    { class: `toast ${kind}` },
    h('span', {}, message),
    h('button', { class: 'button quiet icon small', type: 'button', 'aria-label': roomStrings().close, on: { click: remove } }, icon(x)),
  )
  let timer = setTimeout(remove, SHOWN_MS[kind])
  element.addEventListener('pointerenter', () => clearTimeout(timer))
  element.addEventListener('pointerleave', () => (timer = setTimeout(remove, SHOWN_MS[kind])))
  stack.append(element)
  while (stack.childElementCount > AT_MOST) stack.firstElementChild?.remove()
  announce(message)
}

/** A small menu under a button: one of several, chosen by pointer or keyboard. */
import { Floating } from './floating.ts'
import { icon } from './icons.ts'

export interface MenuItem {
  id: string
  icon: string
  label: string
  checked: boolean
  disabled: boolean
  run: () => void
}

export class Menu {
  readonly #floating: Floating
  readonly #anchor: HTMLElement
  readonly #items: () => MenuItem[]
  readonly #outside = (event: Event) => {
    const target = event.target as Node
    if (!this.#floating.element.contains(target) && !this.#anchor.contains(target)) this.close()
  }

  constructor(layer: HTMLElement, anchor: HTMLElement, label: string, items: () => MenuItem[]) {
    this.#anchor = anchor
    this.#items = items
    this.#floating = new Floating(layer, 'document-menu', layer)
    this.#floating.element.setAttribute('role', 'menu')
    this.#floating.element.setAttribute('aria-label', label)
    this.#floating.element.addEventListener('keydown', (event) => this.#onKey(event))
    anchor.setAttribute('aria-haspopup', 'menu')
    anchor.setAttribute('aria-expanded', 'false')
    anchor.addEventListener('click', () => (this.#floating.shown ? this.close(true) : this.open()))
    anchor.addEventListener('keydown', (event) => {
      if (event.key !== 'ArrowDown') return
      event.preventDefault()
      this.open()
    })
  }

  open(): void {
    const buttons = this.#items().map((item) => {
      const element = document.createElement('button')
      element.type = 'button'
      element.className = 'document-menu-item'
      element.setAttribute('role', 'menuitemradio')
      element.setAttribute('aria-checked', String(item.checked))
      element.disabled = item.disabled
      element.tabIndex = -1
      const label = document.createElement('span')
      label.textContent = item.label
      element.append(icon(item.icon), label, icon(item.checked ? 'check' : ''))
      element.addEventListener('click', () => {
        this.close()
        item.run()
      })
      return element
    })
    this.#floating.element.replaceChildren(...buttons)
    this.#floating.show(() => this.#anchor.getBoundingClientRect(), 'below-start')
    this.#anchor.setAttribute('aria-expanded', 'true')
    document.addEventListener('pointerdown', this.#outside, true)
    const current = buttons.find((one) => one.getAttribute('aria-checked') === 'true' && !one.disabled)
    ;(current ?? buttons.find((one) => !one.disabled))?.focus()
  }

  close(giveFocusBack = false): void {
    document.removeEventListener('pointerdown', this.#outside, true)
    this.#anchor.setAttribute('aria-expanded', 'false')
    this.#floating.hide()
    if (giveFocusBack) this.#anchor.focus()
  }

  destroy(): void {
    this.close()
    this.#floating.destroy()
  }

  #onKey(event: KeyboardEvent): void {
    const items = [...this.#floating.element.querySelectorAll<HTMLButtonElement>('button:not(:disabled)')]
    const at = items.indexOf(document.activeElement as HTMLButtonElement)
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key]
    if (to !== undefined) {
      event.preventDefault()
      items[(to + items.length) % items.length]?.focus()
    } else if (event.key === 'Escape' || event.key === 'Tab') {
      event.preventDefault()
      event.stopPropagation()
      this.close(true)
    }
  }
}

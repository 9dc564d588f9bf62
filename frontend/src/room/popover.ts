/**
 * A panel that hangs below the button that opens it: menus and explanations of the bar.
 *
 * The browser's own popover does the top layer, the click outside and Escape; this adds the place, the focus and the
 * state on the button.
 */
import { h } from './element'
import { pageFocus } from './focus'

export interface Popover {
  readonly panel: HTMLElement
  close(): void
  /** Make the content anew if the panel is open. */
  refresh(): void
}

/**
 * Args:
 *     fill: Makes the content each time the panel opens, and when it is refreshed.
 *     focusInside: Move the focus to the first control (a menu); otherwise it stays on the button (an explanation).
 */
export function popoverFor(
  button: HTMLElement,
  options: { class: string; role?: string; label?: string; focusInside: boolean; fill: (close: () => void) => Node[] },
): Popover {
  const panel = h('div', { class: `popover ${options.class}`, popover: 'auto', role: options.role, 'aria-label': options.label })
  let origin: HTMLElement | undefined
  /** Only from here: a click elsewhere, or a dialog that opened meanwhile, has the focus by right. */
  const giveFocusBack = (): void => {
    const active = document.activeElement
    if (active !== button && active !== document.body && !panel.contains(active)) return
    ;(origin?.isConnected ? origin : button).focus()
  }
  const close = (): void => {
    if (!panel.matches(':popover-open')) return
    panel.hidePopover()
    // Now, not at the event: what the chosen item opens gives the focus back to where it is then.
    giveFocusBack()
  }
  const refresh = (): void => {
    if (panel.matches(':popover-open')) panel.replaceChildren(...options.fill(close))
  }
  const place = (): void => {
    const anchor = button.getBoundingClientRect()
    const left = Math.min(anchor.left, innerWidth - panel.offsetWidth - 8)
    panel.style.setProperty('left', `${Math.max(8, left)}px`)
    panel.style.setProperty('top', `${anchor.bottom + 6}px`)
  }
  const items = (): HTMLElement[] => [...panel.querySelectorAll<HTMLElement>('button:not(:disabled), a[href]')]
  button.after(panel)
  button.setAttribute('aria-expanded', 'false')
  if (options.role === 'menu') button.setAttribute('aria-haspopup', 'menu')
  button.addEventListener('pointerdown', () => {
    // A press outside closes the panel before the click arrives; remember that it was open.
    button.dataset['wasOpen'] = String(panel.matches(':popover-open'))
  })
  button.addEventListener('click', (event) => {
    const wasOpen = event.detail > 0 ? button.dataset['wasOpen'] === 'true' : panel.matches(':popover-open')
    if (wasOpen) {
      close()
      return
    }
    origin = event.detail > 0 ? pageFocus() : undefined
    panel.replaceChildren(...options.fill(close))
    panel.showPopover()
    place()
    if (options.focusInside) items()[0]?.focus()
  })
  panel.addEventListener('toggle', () => {
    const open = panel.matches(':popover-open')
    button.setAttribute('aria-expanded', String(open))
    if (!open) giveFocusBack()
  })
  panel.addEventListener('keydown', (event) => {
    if (options.role !== 'menu') return
    const all = items()
    const at = all.indexOf(document.activeElement as HTMLElement)
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key]
    if (event.key === 'Tab') {
      // On to the next control of the bar, wherever the menu was opened from.
      origin = undefined
      close()
    }
    if (next === undefined) return
    event.preventDefault()
    all[(next + all.length) % all.length]?.focus()
  })
  addEventListener('resize', close)
  return { panel, close, refresh }
}

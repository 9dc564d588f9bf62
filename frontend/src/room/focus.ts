/**
 * Where the keyboard goes when a menu, a panel or a dialog of the bar is closed.
 *
 * Whoever opened it by keyboard is in the bar and stays there, at the button. Whoever pressed the button while working on
 * the page wants to go on working: the next key belongs to the page again.
 */

let page: HTMLElement | undefined

/** Notice what has the focus in `stage` when something outside it is pressed. */
export function watchFocus(stage: HTMLElement): void {
  document.addEventListener(
    'pointerdown',
    (event) => {
      const active = document.activeElement
      const inside = event.target instanceof Node && stage.contains(event.target)
      page = !inside && active instanceof HTMLElement && active !== stage && stage.contains(active) ? active : undefined
    },
    true,
  )
  document.addEventListener(
    'keydown',
    (event) => {
      if (event.key === 'Enter' || event.key === ' ') page = undefined
    },
    true,
  )
}

/** What had the focus in the page when the button was pressed that opens something now; undefined for the keyboard. */
export function pageFocus(): HTMLElement | undefined {
  return page
}

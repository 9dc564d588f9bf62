/** Keys that work everywhere in the room, and the list of them. */
import { openDialog } from './dialog'
import { h } from './element'
import { roomStrings } from './strings'

export interface ShortcutActions {
  rename(): void
  /** Open the page this many places further. */
  move(by: 1 | -1): void
}

export function openShortcuts(): void {
  const strings = roomStrings()
  const rows: [string[], string][] = [
    [['?'], strings.shortcutHelp],
    [['F2'], strings.shortcutRename],
    [['Alt', 'Page Down'], strings.shortcutNext],
    [['Alt', 'Page Up'], strings.shortcutPrevious],
    [['Enter'], strings.shortcutSave],
    [['Esc'], strings.shortcutCancel],
  ]
  openDialog(
    strings.shortcuts,
    h(
      'dl',
      { class: 'shortcuts' },
      ...rows.flatMap(([keys, meaning]) => [
        h('dt', {}, ...keys.map((key) => h('kbd', {}, key))),
        h('dd', {}, meaning),
      ]),
    ),
    h('p', { class: 'hint' }, strings.shortcutBoard),
  )
}

function isTyping(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null
  return Boolean(element?.closest?.('input, textarea, select, [contenteditable=""], [contenteditable="true"]'))
}

/**
 * Args:
 *     stage: Where a page lives. What is typed there belongs to the page first, a board has its own list behind "?".
 */
export function installShortcuts(stage: HTMLElement, actions: ShortcutActions): void {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.isComposing || document.querySelector('dialog[open]')) return
    const plain = !event.ctrlKey && !event.metaKey
    if (plain && event.altKey && (event.key === 'PageDown' || event.key === 'PageUp')) {
      event.preventDefault()
      actions.move(event.key === 'PageDown' ? 1 : -1)
    } else if (plain && !event.altKey && event.key === 'F2') {
      event.preventDefault()
      actions.rename()
    } else if (plain && !event.altKey && event.key === '?' && !isTyping(event.target) && !stage.contains(event.target as Node)) {
      event.preventDefault()
      openShortcuts()
    }
  })
}

/** Buttons and toolbars as this editor makes them: labelled, reachable by keyboard, never stealing the selection. */
import { icon } from './icons.ts'

const isMac = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.platform)

/** `Mod-Shift-x` as people read it: `Ctrl+Shift+X`, or `⌘⇧X` on a Mac. */
export function keysText(keys: string, mac = isMac): string {
  const names: Record<string, string> = mac
    ? { Mod: '⌘', Shift: '⇧', Alt: '⌥', Ctrl: '⌃' }
    : { Mod: 'Ctrl', Shift: 'Shift', Alt: 'Alt', Ctrl: 'Ctrl' }
  const parts = keys.split('-').map((part) => names[part] ?? (part.length === 1 ? part.toUpperCase() : part))
  return parts.join(mac ? '' : '+')
}

/** A button with an icon. Pressing it leaves focus and selection where they are, so that it acts on them. */
export function button(iconName: string, label: string, run: () => void, keys?: string): HTMLButtonElement {
  const element = document.createElement('button')
  element.type = 'button'
  element.className = 'document-button'
  element.setAttribute('aria-label', label)
  element.title = keys ? `${label} (${keysText(keys)})` : label
  if (keys) element.setAttribute('aria-keyshortcuts', keys.replace('Mod', isMac ? 'Meta' : 'Control').replaceAll('-', '+'))
  element.append(icon(iconName))
  element.addEventListener('mousedown', (event) => event.preventDefault())
  element.addEventListener('click', run)
  return element
}

/** One tab stop for the whole bar; arrows, Home and End move inside it. Returns a way to look at the controls again. */
export function rove(bar: HTMLElement, onEscape?: () => void): () => void {
  const stops = () =>
    [...bar.querySelectorAll<HTMLButtonElement>('button')].filter((one) => !one.disabled && one.offsetParent !== null)
  const settle = (chosen?: HTMLElement) => {
    const enabled = stops()
    const current = chosen ?? enabled.find((one) => one.tabIndex === 0) ?? enabled[0]
    for (const one of bar.querySelectorAll<HTMLButtonElement>('button')) one.tabIndex = one === current ? 0 : -1
  }
  bar.addEventListener('focusin', (event) => settle(event.target as HTMLElement))
  bar.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && onEscape) {
      event.preventDefault()
      onEscape()
      return
    }
    const enabled = stops()
    const at = enabled.indexOf(document.activeElement as HTMLButtonElement)
    if (at < 0) return
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: enabled.length - 1 }[event.key]
    if (to === undefined) return
    event.preventDefault()
    enabled[(to + enabled.length) % enabled.length]?.focus()
  })
  settle()
  return () => settle()
}

export interface LineForm {
  element: HTMLFormElement
  input: HTMLInputElement
  /** Say what is wrong with the input, or nothing. */
  complain: (problem: string) => void
}

/** One input and one button, for a bar that asks for a line of text. Escape calls `cancel`. */
export function lineForm(label: string, placeholder: string, apply: string, submit: (value: string) => void, cancel: () => void): LineForm {
  const element = document.createElement('form')
  element.className = 'document-line-form'
  element.noValidate = true
  const input = document.createElement('input')
  input.className = 'document-input'
  input.setAttribute('aria-label', label)
  input.placeholder = placeholder
  input.autocomplete = 'off'
  input.spellcheck = false
  const save = document.createElement('button')
  save.className = 'document-apply'
  save.textContent = apply
  const problemLine = document.createElement('p')
  problemLine.className = 'document-problem'
  problemLine.setAttribute('role', 'alert')
  problemLine.hidden = true
  element.append(input, save, problemLine)
  const complain = (problem: string) => {
    problemLine.textContent = problem
    problemLine.hidden = problem === ''
    if (problem) input.setAttribute('aria-invalid', 'true')
    else input.removeAttribute('aria-invalid')
  }
  input.addEventListener('input', () => complain(''))
  element.addEventListener('submit', (event) => {
    event.preventDefault()
    submit(input.value)
  })
  element.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return
    event.preventDefault()
    event.stopPropagation()
    cancel()
  })
  return { element, input, complain }
}

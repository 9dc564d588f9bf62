/** A text that becomes a field where it stands: Enter saves, Escape leaves it as it was, so does leaving it empty. */
import { h } from './element'

export interface InPlace {
  label: string
  maxLength: number
  value(): string
  /** Resolves when stored. A rejection's message is shown, and the field stays open with what was typed. */
  save(value: string): Promise<void>
  fail(message: string): void
  /** Said when nothing was typed. */
  emptyMessage: string
}

/** Replace `text` by a field until the person is done. Does nothing while it is already being edited. */
export function editInPlace(text: HTMLElement, options: InPlace): void {
  if (text.dataset['editing']) return
  text.dataset['editing'] = 'true'
  const before = options.value()
  const field = h('input', {
    class: 'in-place',
    type: 'text',
    maxlength: options.maxLength,
    'aria-label': options.label,
    autocomplete: 'off',
    spellcheck: 'false',
    value: before,
  })
  const hadFocus = document.activeElement
  let done = false
  const fit = (): void => field.style.setProperty('--characters', String(Math.max(4, widthOf(field.value))))
  const finish = (giveFocusBack: boolean): void => {
    done = true
    field.replaceWith(text)
    delete text.dataset['editing']
    if (giveFocusBack && hadFocus instanceof HTMLElement && hadFocus.isConnected) hadFocus.focus()
  }
  const save = async (giveFocusBack: boolean): Promise<void> => {
    const value = field.value.trim().replace(/\s+/g, ' ')
    if (done || field.readOnly) return
    if (value === before || (value === '' && !giveFocusBack)) return finish(giveFocusBack)
    if (value === '') {
      field.setAttribute('aria-invalid', 'true')
      return options.fail(options.emptyMessage)
    }
    field.readOnly = true
    try {
      await options.save(value)
      finish(giveFocusBack)
    } catch (error) {
      field.readOnly = false
      field.setAttribute('aria-invalid', 'true')
      field.focus()
      options.fail((error as Error).message)
    }
  }
  field.addEventListener('input', () => {
    field.removeAttribute('aria-invalid')
    fit()
  })
  field.addEventListener('keydown', (event) => {
    event.stopPropagation()
    // Enter that ends the composition of a Chinese word is not a wish to save.
    if (event.key === 'Enter' && !event.isComposing) void save(true)
    if (event.key === 'Escape' && !event.isComposing) finish(true)
  })
  field.addEventListener('blur', () => void save(false))
  fit()
  text.replaceWith(field)
  field.focus()
  field.select()
}

/** Width in characters of the Latin kind; Chinese ones count twice. */
function widthOf(text: string): number {
  return [...text].reduce((sum, character) => sum + (character.codePointAt(0)! > 0x2e7f ? 2 : 1), 0)
}

/** The dialog in which a guest says what they are called. */
import { openDialog } from './dialog'
import { h } from './element'
import { roomStrings } from './strings'

const NAME_LENGTH = 60

/**
 * Args:
 *     save: Resolves when the server has taken the name; a rejection's message is shown in the dialog.
 */
export function openNameDialog(name: string, save: (name: string) => Promise<void>): void {
  const strings = roomStrings()
  const field = h('input', {
    id: 'my-name',
    type: 'text',
    value: name,
    maxlength: NAME_LENGTH,
    autocomplete: 'nickname',
    autofocus: true,
    required: true,
    'aria-describedby': 'my-name-hint my-name-error',
  })
  const failed = h('p', { class: 'error', id: 'my-name-error', role: 'alert' })
  const submit = h('button', { class: 'button primary', type: 'submit' }, strings.save)
  const form = h(
    'form',
    {
      on: {
        submit: (event) => {
          event.preventDefault()
          const value = field.value.trim()
          if (!value) return
          submit.disabled = true
          save(value)
            .then(() => close())
            .catch((error: Error) => {
              failed.textContent = error.message
              field.setAttribute('aria-invalid', 'true')
            })
            .finally(() => (submit.disabled = false))
        },
      },
    },
    h(
      'div',
      { class: 'field' },
      h('label', { for: 'my-name', class: 'visually-hidden' }, strings.yourName),
      field,
      h('p', { class: 'hint', id: 'my-name-hint' }, strings.yourNameText),
      failed,
    ),
    h(
      'div',
      { class: 'dialog-actions' },
      h('button', { class: 'button', type: 'button', on: { click: () => close() } }, strings.cancel),
      submit,
    ),
  )
  const close = openDialog(strings.yourName, form)
}

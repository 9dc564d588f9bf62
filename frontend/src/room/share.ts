/** The share dialog: a link made on demand, and one sentence that says exactly what it allows. */
import { makeLink } from './api'
import type { RoomData } from './bootstrap'
import { openDialog } from './dialog'
import { h } from './element'
import { roomStrings } from './strings'
import { toast } from './toasts'

const ROLES = ['editor', 'viewer'] as const
type LinkRole = (typeof ROLES)[number]

export class Sharing {
  /** Links made by this tab: asking twice for the same role gives the same link. */
  private readonly links = new Map<LinkRole, string>()

  constructor(private readonly data: RoomData) {}

  open(): void {
    const strings = roomStrings()
    const role = h(
      'select',
      { id: 'share-role' },
      ...ROLES.map((each) => h('option', { value: each }, strings.shareRoles[each])),
    )
    const sentence = h('p', { id: 'share-text', 'aria-live': 'polite' })
    const link = h('input', { id: 'share-link', type: 'text', readonly: true, on: { focus: () => link.select() } })
    const linkField = h('div', { class: 'field' }, h('label', { for: 'share-link' }, strings.link), link)
    const problem = h('p', { class: 'error', role: 'alert' })
    const copy = h('button', { class: 'button primary', type: 'button', autofocus: true }, strings.copyLink)
    const chosen = (): LinkRole => role.value as LinkRole

    const show = (): void => {
      sentence.textContent = strings.shareText[chosen()]
      link.value = this.links.get(chosen()) ?? ''
      linkField.hidden = link.value === ''
      problem.textContent = ''
    }
    const makeAndCopy = async (): Promise<void> => {
      copy.disabled = true
      try {
        await this.make(chosen())
        show()
        await navigator.clipboard.writeText(link.value)
        toast(strings.copied)
        close()
      } catch (error) {
        // A link is there, so only the clipboard refused it; otherwise the server said no.
        problem.textContent = link.value ? strings.copyByHand : (error as Error).message
        if (link.value) link.focus()
      } finally {
        copy.disabled = false
      }
    }
    role.addEventListener('change', show)
    copy.addEventListener('click', () => void makeAndCopy())
    show()
    const close = openDialog(
      strings.shareTitle,
      h(
        'div',
        { class: 'stack' },
        h('div', { class: 'field' }, h('label', { for: 'share-role' }, strings.shareRole), role),
        sentence,
        linkField,
        problem,
      ),
      h('div', { class: 'dialog-actions' }, copy),
    )
  }

  private async make(role: LinkRole): Promise<void> {
    if (!this.links.has(role)) this.links.set(role, await makeLink(this.data, role))
  }
}

/** The share dialog: the link that exists, and one sentence that says exactly what it allows. */
import type { RoomData } from './bootstrap'
import { openDialog } from './dialog'
import { h } from './element'
import { roomStrings } from './strings'
import { toast } from './toasts'

export interface ShareLink {
  url: string
  /** What whoever has it may do; `other` where the server does not say. */
  allows: 'editor' | 'commenter' | 'viewer' | 'other'
}

/** The link the server offers to this person, if it does. */
export function shareLinkOf(data: RoomData): ShareLink | undefined {
  const link = data.room.share_link
  if (!link) return undefined
  const { url, role } = typeof link === 'string' ? { url: link, role: undefined } : link
  return { url: new URL(url, location.href).href, allows: role === undefined || role === 'owner' ? 'other' : role }
}

export function openShareDialog(link: ShareLink): void {
  const strings = roomStrings()
  const field = h('input', { id: 'share-link', type: 'text', readonly: true, value: link.url, on: { focus: () => field.select() } })
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(link.url)
      toast(strings.copied)
      close()
    } catch {
      field.focus()
      failed.textContent = strings.copyByHand
    }
  }
  const failed = h('p', { class: 'error', role: 'alert' })
  const close = openDialog(
    strings.shareTitle,
    h(
      'div',
      { class: 'stack' },
      h('p', {}, strings.shareText[link.allows]),
      h('div', { class: 'field' }, h('label', { for: 'share-link' }, strings.link), field, failed),
    ),
    h(
      'div',
      { class: 'dialog-actions' },
      h('button', { class: 'button primary', type: 'button', autofocus: true, on: { click: () => void copy() } }, strings.copyLink),
    ),
  )
}

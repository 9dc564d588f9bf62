/** The room's title in the bar: a heading that turns into a field for those who may rename the room. */
import { editInPlace } from './edit-in-place'
import { h } from './element'
import { roomStrings } from './strings'
import { toast } from './toasts'

const TITLE_LENGTH = 120

export class RoomTitle {
  private text: HTMLElement
  private mayRename = false

  constructor(
    private readonly heading: HTMLElement,
    private title: string,
    private readonly rename: (title: string) => Promise<void>,
  ) {
    this.text = heading.querySelector<HTMLElement>('.room-title-text') ?? heading
  }

  /** A button for those who may rename, plain text for the others; it looks the same. */
  offerRenaming(mayRename: boolean): void {
    if (mayRename === this.mayRename) return
    this.mayRename = mayRename
    this.text = mayRename
      ? h(
          'button',
          { class: 'room-title-text', type: 'button', on: { click: () => this.edit() } },
          this.title,
        )
      : h('span', { class: 'room-title-text' }, this.title)
    this.heading.replaceChildren(this.text)
    this.explain()
  }

  set(title: string): void {
    this.title = title
    this.text.textContent = title
    this.explain()
  }

  /** The whole title, which the bar may have no room for, and what a click does. */
  private explain(): void {
    this.text.title = this.mayRename ? `${this.title}\n${roomStrings().renameRoom}` : this.title
  }

  private edit(): void {
    const strings = roomStrings()
    editInPlace(this.text, {
      label: strings.roomTitle,
      maxLength: TITLE_LENGTH,
      emptyMessage: strings.emptyTitle,
      value: () => this.title,
      save: async (value) => {
        await this.rename(value)
        this.set(value)
      },
      fail: (message) => toast(message, 'error'),
    })
  }
}

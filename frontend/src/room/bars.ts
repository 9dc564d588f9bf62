/** The thin bar below the room's bar: what is going on with the connection, without taking the page away. */
import { h } from './element'

export interface Bar {
  message: string
  tone: 'quiet' | 'warning'
  actions?: { label: string; run: () => void }[]
}

export class Bars {
  private shown: string | undefined

  constructor(private readonly place: HTMLElement) {}

  show(bar: Bar | undefined): void {
    if (bar?.message === this.shown) return
    this.shown = bar?.message
    this.place.hidden = bar === undefined
    if (!bar) return
    this.place.dataset['tone'] = bar.tone
    this.place.replaceChildren(
      h('span', {}, bar.message),
      ...(bar.actions ?? []).map(({ label, run }) =>
        h('button', { class: 'button small', type: 'button', on: { click: run } }, label),
      ),
    )
  }
}

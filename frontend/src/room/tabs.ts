/** The room's pages as links in the bar: a click switches without loading, a new tab or a missing script still works. */
import type { PageInfo } from './bootstrap'
import { editInPlace } from './edit-in-place'
import { roomStrings } from './strings'
import { toast } from './toasts'

const TITLE_LENGTH = 120

interface TabActions {
  open(pageId: string): void
  /** The pointer or the focus is on a tab: it may be opened next. */
  approach(pageId: string): void
  mayRename(): boolean
  rename(pageId: string, title: string): Promise<void>
}

export class Tabs {
  /** By page id; a tab stays known while a field stands in its place. */
  private readonly tabs: Map<string, HTMLElement>

  constructor(
    list: HTMLElement,
    private readonly pages: PageInfo[],
    private readonly actions: TabActions,
  ) {
    const tabs = [...list.querySelectorAll<HTMLElement>('a[data-page]')]
    this.tabs = new Map(tabs.map((tab) => [tab.dataset['page']!, tab]))
    for (const [pageId, tab] of this.tabs) {
      tab.draggable = false
      tab.addEventListener('click', (event) => {
        const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey
        if (!plain) return
        event.preventDefault()
        actions.open(pageId)
      })
      tab.addEventListener('pointerenter', () => actions.approach(pageId))
      tab.addEventListener('focus', () => actions.approach(pageId))
      tab.addEventListener('dblclick', () => this.edit(pageId))
    }
    this.offerRenaming()
  }

  /** Show which page is open. */
  mark(pageId: string): void {
    for (const [id, tab] of this.tabs) {
      if (id === pageId) {
        tab.setAttribute('aria-current', 'page')
        tab.scrollIntoView({ block: 'nearest', inline: 'nearest' })
      } else tab.removeAttribute('aria-current')
    }
  }

  /** Tabs say how they are renamed only to those who may. */
  offerRenaming(): void {
    for (const pageId of this.tabs.keys()) this.explain(pageId)
  }

  setTitle(pageId: string, title: string): void {
    const page = this.pages.find((each) => each.id === pageId)
    if (page) page.title = title
    const label = this.tabs.get(pageId)?.querySelector('.tab-label')
    if (label) label.textContent = title
    this.explain(pageId)
  }

  /** The whole title, which the tab may have no room for, and how to change it. */
  private explain(pageId: string): void {
    const title = this.pages.find((each) => each.id === pageId)?.title ?? ''
    const tab = this.tabs.get(pageId)
    if (tab) tab.title = this.actions.mayRename() ? `${title}\n${roomStrings().renameHint}` : title
  }

  edit(pageId: string): void {
    const tab = this.tabs.get(pageId)
    const page = this.pages.find((each) => each.id === pageId)
    if (!tab || !page || !this.actions.mayRename()) return
    const strings = roomStrings()
    editInPlace(tab, {
      label: strings.pageTitle,
      maxLength: TITLE_LENGTH,
      emptyMessage: strings.emptyTitle,
      value: () => page.title,
      save: async (title) => {
        await this.actions.rename(pageId, title)
        this.setTitle(pageId, title)
      },
      fail: (message) => toast(message, 'error'),
    })
  }
}

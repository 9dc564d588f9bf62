/** Who is here: a few faces in the bar, everybody in the panel behind them. */
import { language, listNames } from '../i18n'
import { h } from './element'
import { type Popover, popoverFor } from './popover'
import type { Present } from './room-socket'
import { roomStrings } from './strings'
import { announce } from './toasts'

/** Up to two letters: first and last word, or one Chinese character. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean)
  const first = [...(words[0] ?? '?')]
  if (first[0] && /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}/u.test(first[0])) {
    return first.at(-1) ?? first[0]
  }
  const last = words.length > 1 ? ([...(words.at(-1) ?? '')][0] ?? '') : ''
  return ((first[0] ?? '?') + last).toLocaleUpperCase()
}

/** Myself first, then who looks at the same page, then who came last. */
export function sortPeople(people: readonly Present[], meId: string, page: string | null): Present[] {
  const rank = (person: Present): number =>
    person.id === meId ? 0 : page !== null && person.pages.includes(page) ? 1 : 2
  const since = (person: Present): number => (person.since === undefined ? 0 : new Date(person.since).getTime() || 0)
  return [...people].sort((one, other) => rank(one) - rank(other) || since(other) - since(one) || (one.name < other.name ? -1 : 1))
}

const FACES = 4

export class PeopleView {
  private people: Present[] = []
  private heard = false
  private page: string | null = null
  private pending: ReturnType<typeof setTimeout> | undefined
  private readonly panel: Popover
  private readonly joined = new Set<string>()
  private readonly left = new Set<string>()

  constructor(
    private readonly button: HTMLElement,
    private me: Present,
    private readonly titleOf: (pageId: string) => string | undefined,
  ) {
    this.people = [me]
    this.panel = popoverFor(button, {
      class: 'people-panel',
      focusInside: false,
      fill: () => this.rows(),
    })
  }

  setMe(me: { id: string; name: string; color: string }): void {
    this.me = { ...this.me, ...me }
    this.draw()
  }

  show(people: Present[]): void {
    const withMe = people.some((person) => person.id === this.me.id) ? people : [this.me, ...people]
    if (this.heard) this.tell(this.people, withMe)
    this.heard = true
    this.people = withMe
    this.draw()
  }

  look(page: string): void {
    this.page = page
    this.draw()
  }

  private sorted(): Present[] {
    return sortPeople(this.people, this.me.id, this.page)
  }

  private draw(): void {
    const strings = roomStrings()
    const sorted = this.sorted()
    const faces = sorted.slice(0, sorted.length > FACES + 1 ? FACES : FACES + 1)
    const more = sorted.length - faces.length
    const summary = `${strings.people(sorted.length)}: ${listNames(sorted.slice(0, 8).map((person) => this.nameOf(person)), language())}`
    this.button.title = sorted.map((person) => this.nameOf(person)).join('\n')
    // In the button, not as its aria-label: letters that are seen but not part of the name confuse those who speak to it.
    this.button.replaceChildren(
      h('span', { class: 'visually-hidden' }, summary),
      ...faces.map((person) => this.face(person)),
      ...(more > 0 ? [h('span', { class: 'avatar more', 'aria-hidden': 'true' }, `+${more}`)] : []),
      h('span', { class: 'people-count', 'aria-hidden': 'true' }, String(sorted.length)),
    )
    this.panel.refresh()
  }

  private face(person: Present): HTMLElement {
    const here = this.page !== null && (person.pages.includes(this.page) || person.id === this.me.id)
    return h(
      'span',
      { class: here ? 'avatar here' : 'avatar', 'data-person': person.id, 'aria-hidden': 'true', vars: { '--who': person.color } },
      initials(person.name),
    )
  }

  private nameOf(person: Present): string {
    return person.id === this.me.id ? `${person.name} (${roomStrings().you})` : person.name
  }

  private rows(): Node[] {
    const strings = roomStrings()
    const rows = this.sorted().map((person) => {
      const titles = person.pages.map(this.titleOf).filter((title) => title !== undefined)
      const details = [
        person.role && strings.roles[person.role],
        titles.length > 0 && strings.lookingAt(titles.join(', ')),
      ].filter(Boolean)
      return h(
        'li',
        {},
        this.face(person),
        h('div', {}, h('div', { class: 'person-name' }, this.nameOf(person)), h('div', { class: 'muted small' }, details.join(' · '))),
      )
    })
    return [h('h2', {}, strings.people(rows.length)), h('ul', { class: 'people-list' }, ...rows)]
  }

  /** Comings and goings for screen readers, gathered for two seconds: a reconnecting room is one sentence at most. */
  private tell(before: readonly Present[], after: readonly Present[]): void {
    const names = (people: readonly Present[]): Set<string> =>
      new Set(people.filter((person) => person.id !== this.me.id).map((person) => person.name))
    const had = names(before)
    const has = names(after)
    for (const name of has) if (!had.has(name) && !this.left.delete(name)) this.joined.add(name)
    for (const name of had) if (!has.has(name) && !this.joined.delete(name)) this.left.add(name)
    this.pending ??= setTimeout(() => {
      this.pending = undefined
      const strings = roomStrings()
      const said = [
        this.joined.size > 0 && strings.joined(listNames([...this.joined])),
        this.left.size > 0 && strings.left(listNames([...this.left])),
      ].filter(Boolean)
      this.joined.clear()
      this.left.clear()
      if (said.length > 0) announce(said.join('. '))
    }, 2_000)
  }
}

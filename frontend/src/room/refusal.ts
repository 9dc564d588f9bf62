/** What stands in the place of a page that cannot be shown: what happened, what it means, the way on. */
import type { RefusalReason } from '../provider/status'
import type { RoomData } from './bootstrap'
import { h } from './element'
import { roomStrings, type RoomStrings } from './strings'

export type Refusal = RefusalReason | 'not-loaded'

interface Wording {
  title: string
  text: string
  ways: ('reload' | 'try-again' | 'home' | 'sign-in')[]
}

export function wordingOf(refusal: Refusal, strings: RoomStrings): Wording {
  switch (refusal) {
    case 'sign-in':
      return { title: strings.signInTitle, text: strings.signInText, ways: ['sign-in', 'home'] }
    case 'not-allowed':
      return { title: strings.notAllowedTitle, text: strings.notAllowedText, ways: ['home'] }
    case 'unknown':
      return { title: strings.goneTitle, text: strings.goneText, ways: ['home'] }
    case 'replaced':
      return { title: strings.replacedTitle, text: strings.replacedText, ways: ['reload'] }
    case 'moderated':
      return { title: strings.moderatedTitle, text: strings.moderatedText, ways: ['home'] }
    case 'too-large':
      return { title: strings.tooLargeTitle, text: strings.tooLargeText, ways: ['reload'] }
    case 'too-many':
      return { title: strings.tooManyTitle, text: strings.tooManyText, ways: ['try-again', 'home'] }
    case 'malformed':
      return { title: strings.malformedTitle, text: strings.malformedText, ways: ['reload'] }
    case 'not-loaded':
      return { title: strings.loadTitle, text: strings.loadText, ways: ['reload', 'home'] }
  }
}

/** Refusals after which what is on the page may still be looked at and copied. */
export function keepsPageVisible(refusal: Refusal): boolean {
  return refusal === 'too-large' || refusal === 'replaced' || refusal === 'too-many' || refusal === 'malformed'
}

/** Refusals that do not say anything about what this device keeps: the same person comes back to it. */
export function leavesCopy(refusal: Refusal): boolean {
  return refusal === 'sign-in' || refusal === 'too-many' || refusal === 'not-loaded'
}

/** Refusals after which a copy on this device would bring back what was refused: reloading leaves it behind. */
export function reloadsAfresh(refusal: Refusal): boolean {
  return refusal === 'replaced' || refusal === 'too-large' || refusal === 'malformed'
}

/** What becomes of changes that are not stored. `kept`: this device keeps them. */
export function unsavedSentence(refusal: Refusal, kept: boolean, strings: RoomStrings): string {
  if (reloadsAfresh(refusal)) return strings.unsavedReload
  if (!kept) return strings.unsavedInTab
  return leavesCopy(refusal) ? strings.unsavedKept : strings.unsavedKeptForAWhile
}

/** The panel with sentence and ways on. */
export function refusalPanel(
  refusal: Refusal,
  unsaved: { kept: boolean } | undefined,
  data: RoomData,
  actions: { tryAgain(): void; reload(): void; saveCopy(): void },
): HTMLElement {
  const strings = roomStrings()
  const { title, text, ways } = wordingOf(refusal, strings)
  const offered = ways.filter((way) => way !== 'sign-in' || data.urls.sign_in)
  const control = (way: Wording['ways'][number], primary: boolean): HTMLElement => {
    const name = primary ? 'button primary' : 'button'
    switch (way) {
      case 'reload':
        return h('button', { class: name, type: 'button', on: { click: () => actions.reload() } }, strings.reload)
      case 'try-again':
        return h('button', { class: name, type: 'button', on: { click: () => actions.tryAgain() } }, strings.tryAgain)
      case 'home':
        return h('a', { class: name, href: data.urls.home }, strings.home)
      case 'sign-in':
        return h('a', { class: name, href: data.urls.sign_in }, strings.signIn)
    }
  }
  const panel = h(
    'section',
    {
      class: keepsPageVisible(refusal) ? 'refusal beside' : 'refusal',
      role: 'alert',
      'data-refusal': refusal,
      'aria-labelledby': 'refusal-title',
    },
    h(
      'div',
      { class: 'refusal-box' },
      h('h2', { id: 'refusal-title' }, title),
      h('p', {}, text),
      // The text about what is too large says so itself.
      unsaved && refusal !== 'too-large' && h('p', {}, unsavedSentence(refusal, unsaved.kept, strings)),
      h(
        'div',
        { class: 'row' },
        unsaved && h('button', { class: 'button primary', type: 'button', on: { click: () => actions.saveCopy() } }, strings.saveCopy),
        ...offered.map((way, at) => control(way, at === 0 && !unsaved)),
      ),
    ),
  )
  return panel
}

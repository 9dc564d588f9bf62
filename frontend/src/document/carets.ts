/**
 * Where the others are: a caret with their name, and what they have selected.
 *
 * Names and colours are the server's word (`state.user`); everything else in a peer's state is unchecked JSON and is
 * looked at as such: what is not a colour, a text or a position is not used. Own position: `state.cursor`.
 */
import { Extension } from '@tiptap/core'
import { Plugin, PluginKey, type EditorState } from '@tiptap/pm/state'
import { Decoration, DecorationSet, type EditorView } from '@tiptap/pm/view'
import type { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { Person } from '../contract.ts'
import { anchorAt, parseAnchor, positionOf } from './anchors.ts'
import { cameFromYjs } from './sharing.ts'

/** Seconds a name stays beside a caret after it moved. */
const NAME_STAYS = 2.5
/** Seconds between two reports of the own position. */
const REPORT_EVERY = 0.05
const NOBODYS_COLOR = '#6b7280'
const LONGEST_NAME = 60
const MOST_CARETS = 100

const key = new PluginKey<DecorationSet>('carets')

export interface Caret {
  clientId: number
  name: string
  color: string
  anchor: Y.RelativePosition
  head: Y.RelativePosition
}

/** The carets others show, as far as what they sent makes sense. */
export function readCarets(states: Map<number, unknown>, ownClientId: number, unnamed: string): Caret[] {
  const carets: Caret[] = []
  for (const [clientId, state] of states) {
    if (clientId === ownClientId || typeof state !== 'object' || state === null) continue
    const { cursor, user } = state as { cursor?: unknown; user?: unknown }
    if (typeof cursor !== 'object' || cursor === null) continue
    const anchor = parseAnchor((cursor as { anchor?: unknown }).anchor)
    const head = parseAnchor((cursor as { head?: unknown }).head)
    if (!anchor || !head) continue
    const { name, color } = (typeof user === 'object' && user !== null ? user : {}) as Record<string, unknown>
    carets.push({
      clientId,
      name: (typeof name === 'string' && name.trim().slice(0, LONGEST_NAME)) || unnamed,
      color: typeof color === 'string' && /^#[0-9a-f]{6}$/i.test(color) ? color : NOBODYS_COLOR,
      anchor,
      head,
    })
    if (carets.length >= MOST_CARETS) break
  }
  return carets
}

/** Names show while somebody is moving and hide when they rest, so that they do not cover the text for long. */
class Labels {
  readonly #elements = new Map<number, HTMLElement>()
  readonly #places = new Map<number, string>()
  readonly #timers = new Map<number, ReturnType<typeof setTimeout>>()

  element(caret: Caret): HTMLElement {
    const element = document.createElement('span')
    element.className = 'document-caret'
    element.style.setProperty('--caret-color', caret.color)
    // The name is drawn, not written: a click that lands in text here would put the own caret where nothing can be typed.
    element.dataset.name = caret.name
    element.classList.toggle('is-moving', this.#timers.has(caret.clientId))
    this.#elements.set(caret.clientId, element)
    return element
  }

  moved(caret: Caret): void {
    const place = JSON.stringify(caret.head)
    if (this.#places.get(caret.clientId) === place) return
    this.#places.set(caret.clientId, place)
    clearTimeout(this.#timers.get(caret.clientId))
    this.#elements.get(caret.clientId)?.classList.add('is-moving')
    const rest = () => {
      this.#timers.delete(caret.clientId)
      this.#elements.get(caret.clientId)?.classList.remove('is-moving')
    }
    this.#timers.set(caret.clientId, setTimeout(rest, NAME_STAYS * 1000))
  }

  keepOnly(present: ReadonlySet<number>): void {
    for (const clientId of this.#places.keys()) {
      if (present.has(clientId)) continue
      clearTimeout(this.#timers.get(clientId))
      for (const map of [this.#elements, this.#places, this.#timers]) map.delete(clientId)
    }
  }

  destroy(): void {
    this.keepOnly(new Set())
  }
}

export interface CaretOptions {
  awareness: Awareness
  me: Person
  /** What somebody without a name is called. */
  unnamed: string
}

export const Carets = Extension.create<CaretOptions>({
  name: 'carets',
  // Below Collaboration: its state must be there first.
  priority: 900,

  addProseMirrorPlugins() {
    const { awareness, me, unnamed } = this.options
    const labels = new Labels()

    const decorate = (state: EditorState): DecorationSet => {
      const carets = readCarets(awareness.getStates(), awareness.clientID, unnamed)
      labels.keepOnly(new Set(carets.map((caret) => caret.clientId)))
      const decorations: Decoration[] = []
      for (const caret of carets) {
        const head = positionOf(state, caret.head)
        const anchor = positionOf(state, caret.anchor)
        if (head === null || anchor === null) continue
        labels.moved(caret)
        decorations.push(
          Decoration.widget(head, () => labels.element(caret), {
            key: `caret-${caret.clientId}-${caret.color}-${caret.name}`,
            side: 10,
            ignoreSelection: true,
          }),
        )
        if (anchor !== head) {
          const attributes = { class: 'document-selection', style: `--caret-color: ${caret.color}` }
          decorations.push(Decoration.inline(Math.min(anchor, head), Math.max(anchor, head), attributes))
        }
      }
      return DecorationSet.create(state.doc, decorations)
    }

    return [
      new Plugin<DecorationSet>({
        key,
        state: {
          init: () => DecorationSet.empty,
          apply: (transaction, shown, _before, state) => {
            if (transaction.getMeta(key) !== undefined || cameFromYjs(transaction)) return decorate(state)
            return transaction.docChanged ? shown.map(transaction.mapping, transaction.doc) : shown
          },
        },
        props: { decorations: (state) => key.getState(state) },
        view: (view) => follow(view, awareness, me, () => labels.destroy()),
      }),
    ]
  },
})

/** Redraw when others move, and tell them where this person is. */
function follow(view: EditorView, awareness: Awareness, me: Person, onDestroy: () => void) {
  if (!awareness.getLocalState()?.user) {
    // Others see the server's stamp; this copy is for whoever lists everybody, this person included.
    awareness.setLocalStateField('user', me)
  }
  let redraw: number | null = null
  let report: ReturnType<typeof setTimeout> | null = null
  const onAwareness = (
    { added, updated, removed }: { added: number[]; updated: number[]; removed: number[] },
    origin: unknown,
  ) => {
    const others = [...added, ...updated, ...removed].some((id) => id !== awareness.clientID)
    if (origin === 'local' || !others || redraw !== null) return
    redraw = requestAnimationFrame(() => {
      redraw = null
      if (!view.isDestroyed) view.dispatch(view.state.tr.setMeta(key, true).setMeta('addToHistory', false))
    })
  }
  const tell = () => {
    report = null
    if (view.isDestroyed) return
    const told = awareness.getLocalState()?.cursor as { anchor: unknown; head: unknown } | null | undefined
    if (!view.hasFocus() || !view.editable) {
      if (told) awareness.setLocalStateField('cursor', null)
      return
    }
    const { selection } = view.state
    const anchor = anchorAt(view.state, selection.anchor)
    const head = anchorAt(view.state, selection.head)
    const known = told && parseAnchor(told.anchor)
    const knownHead = told && parseAnchor(told.head)
    const same =
      known && knownHead && Y.compareRelativePositions(known, anchor) && Y.compareRelativePositions(knownHead, head)
    if (anchor && head && !same) awareness.setLocalStateField('cursor', { anchor, head })
  }
  const tellSoon = () => {
    report ??= setTimeout(tell, REPORT_EVERY * 1000)
  }
  awareness.on('change', onAwareness)
  view.dom.addEventListener('focusin', tellSoon)
  view.dom.addEventListener('focusout', tellSoon)
  return {
    update: tellSoon,
    destroy: () => {
      awareness.off('change', onAwareness)
      view.dom.removeEventListener('focusin', tellSoon)
      view.dom.removeEventListener('focusout', tellSoon)
      if (redraw !== null) cancelAnimationFrame(redraw)
      if (report !== null) clearTimeout(report)
      if (awareness.getLocalState()) awareness.setLocalStateField('cursor', null)
      onDestroy()
    },
  }
}

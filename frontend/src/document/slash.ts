/**
 * The menu that opens on `/`: type to filter, arrows to choose, Enter to insert.
 *
 * Whether it is open is plugin state, found again from the text before the caret after every change: other people's
 * edits replace the whole document and would carry any remembered position away.
 */
import { Extension, posToDOMRect, type Editor } from '@tiptap/core'
import { Plugin, PluginKey, type EditorState, type Transaction } from '@tiptap/pm/state'
import type { EditorView } from '@tiptap/pm/view'
import type { BlockAction } from './actions.ts'
import { Floating } from './floating.ts'
import { icon } from './icons.ts'
import { isLocalEdit } from './sharing.ts'
import type { Strings } from './strings.ts'

export interface SlashGroup {
  label: string
  actions: BlockAction[]
}

interface SlashState {
  open: boolean
  query: string
  index: number
}

const CLOSED: SlashState = { open: false, query: '', index: 0 }
const LONGEST_QUERY = 20
/** What the slash key gives with a Chinese input method counts as well, where a list comma makes no sense. */
const TRIGGER = /(?:^|\s)\/([^/\s]{0,20})$|^、([^、\s]{0,20})$/
const key = new PluginKey<SlashState>('slash')
let listNumber = 0

/** What was typed after the slash, or null where a slash opens nothing. */
export function slashQuery(state: EditorState): string | null {
  const { $head, empty } = state.selection
  if (!empty || !$head.parent.isTextblock || $head.parent.type.spec.code) return null
  const before = $head.parent.textBetween(Math.max(0, $head.parentOffset - LONGEST_QUERY - 3), $head.parentOffset, ' ', ' ')
  if ($head.marks().some((mark) => mark.type.name === 'code')) return null
  const match = TRIGGER.exec(before)
  if (!match) return null
  if (match[2] !== undefined && before.length !== $head.parentOffset) return null
  return match[1] ?? match[2] ?? ''
}

/** Actions whose name or one of whose words starts with the query; then those that contain it. */
export function filterActions(groups: SlashGroup[], query: string): SlashGroup[] {
  const wanted = query.toLowerCase()
  const fits = (action: BlockAction, words: boolean) => {
    const text = `${action.label} ${action.words}`.toLowerCase()
    return words ? text.split(/\s+/).some((word) => word.startsWith(wanted)) : text.includes(wanted)
  }
  const pick = (words: boolean) =>
    groups
      .map((group) => ({ ...group, actions: group.actions.filter((action) => fits(action, words)) }))
      .filter((group) => group.actions.length > 0)
  if (wanted === '') return groups
  const exact = pick(true)
  return exact.length > 0 ? exact : pick(false)
}

export interface SlashOptions {
  groups: SlashGroup[]
  layer: HTMLElement
  strings: Strings
}

export const Slash = Extension.create<SlashOptions>({
  name: 'slash',
  // Before the keymaps of the schema: Enter chooses, it does not split the paragraph.
  priority: 1200,

  addProseMirrorPlugins() {
    const { editor } = this
    const { groups, layer, strings } = this.options
    const offered = (state: SlashState) => {
      const enabled = groups.map((group) => ({
        ...group,
        actions: group.actions.filter((action) => action.isEnabled(editor)),
      }))
      return filterActions(enabled.filter((group) => group.actions.length > 0), state.query)
    }
    const listId = `document-slash-${++listNumber}`
    let list: SlashList | null = null

    const choose = (view: EditorView, action: BlockAction) => {
      const length = (slashQuery(view.state)?.length ?? 0) + 1
      const { head } = view.state.selection
      view.dispatch(view.state.tr.delete(head - length, head).setMeta(key, CLOSED))
      action.run(editor)
    }

    return [
      new Plugin<SlashState>({
        key,
        state: {
          init: () => CLOSED,
          apply: (transaction, state, before, after) => nextState(transaction, state, before, after),
        },
        props: {
          attributes: (state): Record<string, string> => {
            const slash = key.getState(state)
            if (!slash?.open) return {}
            return { 'aria-controls': listId, 'aria-activedescendant': `${listId}-${slash.index}` }
          },
          handleKeyDown: (view, event) => {
            const state = key.getState(view.state)
            if (!state?.open || event.isComposing) return false
            const actions = offered(state).flatMap((group) => group.actions)
            const go = (index: number) => {
              const next = (index + actions.length) % Math.max(actions.length, 1)
              view.dispatch(view.state.tr.setMeta(key, { ...state, index: next }))
              return true
            }
            if (event.key === 'Escape') {
              view.dispatch(view.state.tr.setMeta(key, CLOSED))
              return true
            }
            if (actions.length === 0) return false
            if (event.key === 'ArrowDown') return go(state.index + 1)
            if (event.key === 'ArrowUp') return go(state.index - 1)
            if (event.key === 'Enter' || event.key === 'Tab') {
              const action = actions[Math.min(state.index, actions.length - 1)]
              if (action) choose(view, action)
              return true
            }
            return false
          },
          handleDOMEvents: {
            blur: (view) => {
              if (key.getState(view.state)?.open) view.dispatch(view.state.tr.setMeta(key, CLOSED))
              return false
            },
          },
        },
        view: (view) => {
          list = new SlashList(layer, strings, listId, (action) => choose(view, action))
          return {
            update: () => {
              const state = key.getState(view.state)
              if (state?.open && editor.isEditable) list?.show(editor, offered(state), state)
              else list?.hide()
            },
            destroy: () => list?.destroy(),
          }
        },
      }),
    ]
  },
})

function nextState(transaction: Transaction, state: SlashState, before: EditorState, after: EditorState): SlashState {
  const told = transaction.getMeta(key) as SlashState | undefined
  if (told) return told
  const query = slashQuery(after)
  if (query === null) return CLOSED
  if (state.open) return { open: true, query, index: query === state.query ? state.index : 0 }
  // It opens when the slash is typed, not when a caret comes to stand behind one.
  const typed = isLocalEdit(transaction) && query === '' && after.doc.content.size === before.doc.content.size + 1
  return typed ? { open: true, query, index: 0 } : CLOSED
}

class SlashList {
  readonly #floating: Floating
  readonly #strings: Strings
  readonly #choose: (action: BlockAction) => void
  readonly #id: string
  #shown = ''

  constructor(layer: HTMLElement, strings: Strings, id: string, choose: (action: BlockAction) => void) {
    this.#floating = new Floating(layer, 'document-slash')
    this.#strings = strings
    this.#choose = choose
    this.#id = id
    this.#floating.element.id = id
    this.#floating.element.setAttribute('role', 'listbox')
    this.#floating.element.setAttribute('aria-label', strings.slashLabel)
    this.#floating.element.addEventListener('mousedown', (event) => event.preventDefault())
  }

  show(editor: Editor, groups: SlashGroup[], state: SlashState): void {
    const shown = JSON.stringify([groups.map((group) => group.actions.map((action) => action.id)), state.index])
    if (shown !== this.#shown || !this.#floating.shown) this.#fill(groups, state.index)
    this.#shown = shown
    // Under the slash, where it stays while the word behind it grows.
    const slash = editor.state.selection.head - state.query.length - 1
    this.#floating.show(() => posToDOMRect(editor.view, slash, slash), 'below-start')
    this.#floating.element.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' })
  }

  hide(): void {
    if (this.#floating.shown) this.#floating.hide()
  }

  destroy(): void {
    this.#floating.destroy()
  }

  #fill(groups: SlashGroup[], chosen: number): void {
    const { element } = this.#floating
    if (groups.length === 0) {
      const none = document.createElement('p')
      none.className = 'document-slash-empty'
      none.textContent = this.#strings.slashEmpty
      element.replaceChildren(none)
      return
    }
    let index = 0
    element.replaceChildren(
      ...groups.map((group) => {
        const section = document.createElement('div')
        section.setAttribute('role', 'group')
        section.setAttribute('aria-label', group.label)
        const title = document.createElement('p')
        title.className = 'document-slash-group'
        title.setAttribute('aria-hidden', 'true')
        title.textContent = group.label
        section.append(title, ...group.actions.map((action) => this.#option(action, index++, chosen)))
        return section
      }),
    )
  }

  #option(action: BlockAction, index: number, chosen: number): HTMLElement {
    const option = document.createElement('div')
    option.id = `${this.#id}-${index}`
    option.className = 'document-slash-item'
    option.setAttribute('role', 'option')
    option.setAttribute('aria-selected', String(index === chosen))
    const text = document.createElement('span')
    text.className = 'document-slash-text'
    const name = document.createElement('span')
    name.textContent = action.label
    const about = document.createElement('small')
    about.textContent = action.about
    text.append(name, about)
    option.append(icon(action.icon), text)
    option.addEventListener('click', () => this.#choose(action))
    return option
  }
}

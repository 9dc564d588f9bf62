/**
 * When and what this editor may write into the shared document.
 *
 * y-prosemirror compares the whole ProseMirror document with the Yjs one after every view update and writes whatever
 * differs: a viewer, a page that has not arrived yet, or two editors repairing the same table at once would all write
 * things nobody typed. `Sharing` lets a write through only if a person changed something here, may do so, and the page
 * has arrived. It also makes the binding read through `Reading`, and keeps content this version does not know intact.
 */
import { Extension } from '@tiptap/core'
import { Collaboration } from '@tiptap/extension-collaboration'
import { Fragment, Slice, type Node } from '@tiptap/pm/model'
import { Plugin, PluginKey, type Transaction } from '@tiptap/pm/state'
import type { EditorView } from '@tiptap/pm/view'
import { ySyncPluginKey, type ProsemirrorBinding } from '@tiptap/y-tiptap'
import * as Y from 'yjs'
import type { Reading, SharedType } from './reading.ts'

/** Origin of the few repairs this module makes; not something a person can undo. */
const REPAIR = Symbol('repair')

/** The parts of the binding that are taken over. They are methods it calls on itself, so replacing them is enough. */
interface OpenBinding extends ProsemirrorBinding {
  _observeFunction: (events: Y.YEvent<SharedType>[], transaction: Y.Transaction) => void
  _prosemirrorChanged(document: Node): void
  beforeAllTransactions: () => void
}

interface SyncMeta {
  isChangeOrigin?: boolean
}

const key = new PluginKey<number>('sharing')

/** Whether a transaction brings what others wrote (or an undo, which also comes from Yjs), or reacts to such a one. */
export function cameFromYjs(transaction: Transaction): boolean {
  const meta = transaction.getMeta(ySyncPluginKey) as SyncMeta | undefined
  if (meta?.isChangeOrigin) return true
  const root = transaction.getMeta('appendedTransaction') as Transaction | undefined
  return root !== undefined && root !== transaction && cameFromYjs(root)
}

export const isLocalEdit = (transaction: Transaction) => transaction.docChanged && !cameFromYjs(transaction)

export interface SharingOptions {
  fragment: Y.XmlFragment
  reading: Reading
  mayWrite: () => boolean
}

declare module '@tiptap/core' {
  interface Storage {
    sharing: { render: () => void }
  }
}

export const Sharing = Extension.create<SharingOptions, { render: () => void }>({
  name: 'sharing',
  // Above Collaboration (1000): the binding is prepared before it starts to listen.
  priority: 1100,

  addStorage: () => ({ render: () => undefined }),

  addProseMirrorPlugins() {
    const { fragment, reading, mayWrite } = this.options
    const storage = this.storage
    return [
      new Plugin<number>({
        key,
        state: {
          init: () => 0,
          apply: (transaction, edits) => (isLocalEdit(transaction) ? edits + 1 : edits),
        },
        view: (view) => {
          const binding = ySyncPluginKey.getState(view.state).binding as OpenBinding
          const written = { edits: 0 }
          guardReading(binding, view, reading, mayWrite)
          guardWriting(binding, view, reading, mayWrite, written)
          storage.render = () => {
            written.edits = key.getState(view.state) ?? 0
            if (mayWrite()) repair(everyElement(fragment), binding.doc)
            render(binding, view, fragment, reading)
          }
          return { destroy: () => (storage.render = () => undefined) }
        },
      }),
    ]
  },
})

/** Show what Yjs holds, discarding anything that exists only in this view. */
function render(binding: OpenBinding, view: EditorView, fragment: Y.XmlFragment, reading: Reading): void {
  reading.clear()
  binding.mux(() => {
    const nodes = reading.content(view.state.schema, fragment)
    const { tr } = view.state
    tr.replace(0, view.state.doc.content.size, new Slice(Fragment.from(nodes), 0, 0))
    tr.setMeta('addToHistory', false).setMeta(ySyncPluginKey, { isChangeOrigin: true, binding })
    view.dispatch(tr)
  })
}

function guardReading(binding: OpenBinding, view: EditorView, reading: Reading, mayWrite: () => boolean): void {
  const observe = binding._observeFunction
  binding._observeFunction = (events, transaction) => {
    try {
      if (mayWrite()) repair(transaction.changed.keys(), binding.doc)
      reading.during(view.state.schema, () => observe(events, transaction))
    } catch (error) {
      // An exception here would reach the connection and end it. The next change is shown in full again.
      console.error('The document could not be shown after a change', error)
    }
  }
  const before = binding.beforeAllTransactions
  binding.beforeAllTransactions = () => {
    try {
      before()
    } catch {
      // Stray items that a viewer may not remove: the selection is not kept across this change.
    }
  }
}

function guardWriting(
  binding: OpenBinding,
  view: EditorView,
  reading: Reading,
  mayWrite: () => boolean,
  written: { edits: number },
): void {
  const write = binding._prosemirrorChanged
  binding._prosemirrorChanged = (document) => {
    const edits = key.getState(view.state) ?? 0
    if (edits === written.edits || !mayWrite()) return
    written.edits = edits
    remove(reading.hidden, binding.doc)
    const uncover = cover(reading.unknown)
    try {
      write.call(binding, document)
    } finally {
      uncover()
    }
  }
}

/**
 * What is not shown goes before the two documents are compared, which would remove it anyway: the binding pairs children
 * by their place, and one that has no counterpart would make it rewrite everything up to the next match.
 */
function remove(hidden: Set<SharedType>, doc: Y.Doc): void {
  if (hidden.size === 0) return
  doc.transact((transaction) => {
    for (const { _item: item } of hidden) if (item && !item.deleted) item.delete(transaction)
  })
  hidden.clear()
}

/**
 * Make unknown elements look like their placeholders while the binding compares the two documents: it finds them equal
 * and leaves them alone, where it would otherwise replace them. The disguise ends before Yjs encodes the transaction.
 */
function cover(unknown: ReadonlyMap<Y.XmlElement, Node>): () => void {
  const names = new Map<Y.XmlElement, string>()
  for (const [element, placeholder] of unknown) {
    names.set(element, element.nodeName)
    element.nodeName = placeholder.type.name
    element.toArray = () => []
    element.getAttributes = () => ({ ...placeholder.attrs })
  }
  return () => {
    for (const [element, name] of names) {
      element.nodeName = name
      const own = element as Partial<Y.XmlElement>
      delete own.toArray
      delete own.getAttributes
    }
  }
}

/**
 * Tiptap's binding, in which a selection that cannot be found does not stop a change from being shown: the history looks
 * it up in every transaction, and stray items that a viewer may not remove make that fail.
 */
export const Binding = Collaboration.extend({
  addProseMirrorPlugins() {
    const plugins = this.parent?.() ?? []
    for (const { spec } of plugins) {
      const state = spec.state
      if (!state) continue
      spec.state = {
        ...state,
        apply(this: Plugin, transaction, value, before, after) {
          try {
            return state.apply.call(this, transaction, value, before, after)
          } catch {
            return value
          }
        },
      }
    }
    return plugins
  },
})

/**
 * Two repairs that must be made once, in Yjs, before anybody edits on top.
 *
 * Items that are no shared types have no place among elements and break the binding's walks: removed (deleting twice is
 * harmless). Two people who type the first letter of an empty paragraph at once make two texts side by side: the one
 * who made the second moves it into the first, and nobody else does, or letters would double.
 */
function repair(types: Iterable<unknown>, doc: Y.Doc): void {
  const strays: Y.Item[] = []
  const pairs: [Y.XmlText, Y.XmlText][] = []
  for (const type of types) {
    if (!(type instanceof Y.XmlFragment)) continue
    let left: Y.XmlText | null = null
    for (let item = type._start; item !== null; item = item.right) {
      if (item.deleted) continue
      const child = item.content instanceof Y.ContentType ? item.content.type : null
      if (child === null) strays.push(item)
      const text = child instanceof Y.XmlText ? child : null
      if (left && text && item.id.client === doc.clientID && type instanceof Y.XmlElement) pairs.push([left, text])
      else left = text
    }
  }
  if (strays.length === 0 && pairs.length === 0) return
  doc.transact((inner) => {
    for (const item of strays) item.delete(inner)
    for (const [left, right] of pairs) {
      left.applyDelta([{ retain: left.length }, ...right.toDelta()])
      right._item?.delete(inner)
    }
  }, REPAIR)
}

/** The fragment and every element in it, however deep. */
function* everyElement(fragment: Y.XmlFragment): Generator<Y.XmlFragment> {
  const waiting: Y.XmlFragment[] = [fragment]
  for (let type = waiting.pop(); type; type = waiting.pop()) {
    yield type
    for (let item = type._start; item !== null; item = item.right) {
      const child = item.deleted || !(item.content instanceof Y.ContentType) ? null : item.content.type
      if (child instanceof Y.XmlElement) waiting.push(child)
    }
  }
}

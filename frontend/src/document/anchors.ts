/**
 * Positions that survive other people's edits.
 *
 * A remote change replaces the whole ProseMirror document, so mapping a position through it loses the position. Anything
 * that must stay where it is (a caret, a picture being uploaded) is kept as a Yjs relative position and looked up anew.
 */
import type { EditorState } from '@tiptap/pm/state'
import {
  absolutePositionToRelativePosition,
  relativePositionToAbsolutePosition,
  ySyncPluginKey,
  type ProsemirrorBinding,
} from '@tiptap/y-tiptap'
import * as Y from 'yjs'

const bindingOf = (state: EditorState) =>
  (ySyncPluginKey.getState(state) as { binding?: ProsemirrorBinding } | undefined)?.binding

export function anchorAt(state: EditorState, position: number): Y.RelativePosition | null {
  const binding = bindingOf(state)
  if (!binding) return null
  try {
    return absolutePositionToRelativePosition(position, binding.type, binding.mapping) as Y.RelativePosition
  } catch {
    return null
  }
}

/** Where the anchor is now; null if what it was attached to is gone. */
export function positionOf(state: EditorState, anchor: Y.RelativePosition): number | null {
  const binding = bindingOf(state)
  if (!binding) return null
  try {
    const position = relativePositionToAbsolutePosition(binding.doc, binding.type, anchor, binding.mapping)
    return position === null ? null : Math.min(Math.max(position, 0), state.doc.content.size)
  } catch {
    return null
  }
}

/** An anchor another client sent, or null if it is not one: what arrives through awareness is unchecked JSON. */
export function parseAnchor(json: unknown): Y.RelativePosition | null {
  if (typeof json !== 'object' || json === null) return null
  const { type, tname, item, assoc } = json as Record<string, unknown>
  if (!isId(type) || !isId(item)) return null
  if (tname !== undefined && tname !== null && typeof tname !== 'string') return null
  if (assoc !== undefined && typeof assoc !== 'number') return null
  if (!type && !item && !tname) return null
  return Y.createRelativePositionFromJSON(json)
}

function isId(value: unknown): boolean {
  if (value === undefined || value === null) return true
  const { client, clock } = value as Record<string, unknown>
  return isCount(client) && isCount(clock)
}

const isCount = (value: unknown) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

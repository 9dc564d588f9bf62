/** A board as an Excalidraw file: what a person is given when their changes cannot be stored. Images are not in it. */
import * as Y from 'yjs'
import { fromFields } from '../board/fields'

export function boardToExcalidraw(elements: Y.Map<unknown>): string {
  const drawn = [...elements.entries()].flatMap(([id, fields]) => {
    const element = fields instanceof Y.Map ? fromFields(id, fields.toJSON() as Record<string, unknown>) : null
    return element && !element['isDeleted'] ? [element] : []
  })
  return JSON.stringify({ type: 'excalidraw', version: 2, source: 'collab', elements: drawn, appState: {}, files: {} }, null, 2)
}

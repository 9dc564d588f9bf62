/** Tables that stay whole when several people work on them, and the controls that appear beside one. */
import { findParentNode, type Editor } from '@tiptap/core'
import { Table, TableView } from '@tiptap/extension-table'
import { Plugin } from '@tiptap/pm/state'
import { columnResizing, tableEditing } from '@tiptap/pm/tables'
import type { Action } from './actions.ts'
import { button } from './controls.ts'
import { Floating } from './floating.ts'
import { isLocalEdit } from './sharing.ts'
import type { Strings } from './strings.ts'

/**
 * Tiptap's table, but mending ragged rows only after an edit made here. Two people who add a row and a column at once
 * leave a short row; if every open editor mended it on arrival, each would add the missing cell.
 */
export const SoundTable = Table.extend({
  addProseMirrorPlugins() {
    const editing = tableEditing({ allowTableNodeSelection: true })
    const append = editing.spec.appendTransaction
    const mending = new Plugin({
      ...editing.spec,
      appendTransaction: (transactions, before, after) => {
        if (transactions.some((one) => one.docChanged) && !transactions.some(isLocalEdit)) return null
        return append?.call(editing, transactions, before, after)
      },
    })
    const { handleWidth, cellMinWidth, lastColumnResizable } = this.options
    return [
      columnResizing({ handleWidth, cellMinWidth, defaultCellMinWidth: 100, lastColumnResizable, View: TableView }),
      mending,
    ]
  },
  addNodeView: () => null,
})

const tableActions = (strings: Strings): (Action | null)[] => {
  const action = (id: string, icon: string, label: string, command: (editor: Editor) => boolean): Action => ({
    id,
    icon,
    label,
    isEnabled: (editor) => command(editor.can() as unknown as Editor),
    run: (editor) => void command(editor.chain().focus() as unknown as Editor),
  })
  // `editor.can()` and `editor.chain()` offer the same commands; a chain must be run.
  type Commands = Record<string, () => { run?: () => boolean } | boolean>
  const command = (name: string) => (commands: unknown) => {
    const result = (commands as Commands)[name]?.()
    return typeof result === 'object' ? (result.run?.() ?? false) : result === true
  }
  return [
    action('rowAbove', 'rowAbove', strings.rowAbove, command('addRowBefore')),
    action('rowBelow', 'rowBelow', strings.rowBelow, command('addRowAfter')),
    action('columnBefore', 'columnBefore', strings.columnBefore, command('addColumnBefore')),
    action('columnAfter', 'columnAfter', strings.columnAfter, command('addColumnAfter')),
    null,
    { ...action('headerRow', 'headerRow', strings.headerRow, command('toggleHeaderRow')), isActive: hasHeaderRow },
    null,
    action('deleteRow', 'deleteRow', strings.deleteRow, command('deleteRow')),
    action('deleteColumn', 'deleteColumn', strings.deleteColumn, command('deleteColumn')),
    action('deleteTable', 'remove', strings.deleteTable, command('deleteTable')),
  ]
}

const currentTable = (editor: Editor) => findParentNode((node) => node.type.name === 'table')(editor.state.selection)

function hasHeaderRow(editor: Editor): boolean {
  const row = currentTable(editor)?.node.firstChild
  return !!row && row.childCount > 0 && row.children.every((cell) => cell.type.name === 'tableHeader')
}

/** The bar above the table the caret is in. */
export function tableControls(editor: Editor, layer: HTMLElement, strings: Strings) {
  const floating = new Floating(layer, 'document-bar document-table-bar')
  floating.element.setAttribute('role', 'toolbar')
  floating.element.setAttribute('aria-label', strings.tableLabel)
  const controls: { action: Action; element: HTMLButtonElement }[] = []
  for (const action of tableActions(strings)) {
    if (action === null) {
      const line = document.createElement('span')
      line.className = 'document-bar-line'
      floating.element.append(line)
      continue
    }
    const element = button(action.icon, action.label, () => action.run(editor))
    controls.push({ action, element })
    floating.element.append(element)
  }
  return {
    update: () => {
      const table = editor.isEditable && editor.isFocused ? currentTable(editor) : undefined
      const dom = table && editor.view.nodeDOM(table.pos)
      const drawn = dom instanceof HTMLElement ? dom.querySelector('table') : null
      if (!drawn) {
        // A click on one of the controls takes the focus for a moment.
        if (!floating.element.contains(document.activeElement)) floating.hide()
        return
      }
      for (const { action, element } of controls) {
        element.disabled = !action.isEnabled(editor)
        if (action.isActive) element.setAttribute('aria-pressed', String(action.isActive(editor)))
      }
      floating.show(() => drawn.getBoundingClientRect(), 'above-start')
    },
    destroy: () => floating.destroy(),
  }
}

/** The bar above the text. One tab stop; Alt+F10 from the text reaches it, Escape goes back. */
import type { Editor } from '@tiptap/core'
import { historyActions, markActions, type Action, type BlockAction } from './actions.ts'
import { button, rove } from './controls.ts'
import { icon } from './icons.ts'
import { Menu } from './menu.ts'
import type { Strings } from './strings.ts'

export interface Toolbar {
  element: HTMLElement
  update: () => void
  focus: () => void
  destroy: () => void
}

interface ToolbarOptions {
  editor: Editor
  layer: HTMLElement
  strings: Strings
  blocks: { text: BlockAction[]; lists: BlockAction[]; blocks: BlockAction[] }
  editLink: () => void
}

export function createToolbar({ editor, layer, strings, blocks, editLink }: ToolbarOptions): Toolbar {
  const element = document.createElement('div')
  element.className = 'document-toolbar'
  element.setAttribute('role', 'toolbar')
  element.setAttribute('aria-label', strings.toolbar)
  const tools = document.createElement('div')
  tools.className = 'document-tools'
  element.append(tools)

  const controls: { action: Action; control: HTMLButtonElement }[] = []
  const group = (actions: Action[]) => {
    const holder = document.createElement('div')
    holder.className = 'document-tool-group'
    for (const action of actions) {
      const control = button(action.icon, action.label, () => action.run(editor), action.keys)
      controls.push({ action, control })
      holder.append(control)
    }
    return holder
  }

  const kind = document.createElement('button')
  kind.type = 'button'
  kind.className = 'document-button document-kind'
  kind.title = strings.blockType
  const kindName = document.createElement('span')
  kind.append(kindName, icon('chevronDown'))
  kind.addEventListener('mousedown', (event) => event.preventDefault())
  const menu = new Menu(layer, kind, strings.blockType, () =>
    blocks.text.map((action) => ({
      id: action.id,
      icon: action.icon,
      label: action.label,
      checked: action.isActive?.(editor) ?? false,
      // What the block is already cannot be made of it, and is no less a choice.
      disabled: !action.isActive?.(editor) && !action.isEnabled(editor),
      run: () => action.run(editor),
    })),
  )
  const kindGroup = document.createElement('div')
  kindGroup.className = 'document-tool-group'
  kindGroup.append(kind)

  const link: Action = {
    id: 'link',
    icon: 'link',
    label: strings.link,
    keys: 'Mod-k',
    isActive: (one) => one.isActive('link'),
    isEnabled: (one) => one.can().setMark('link'),
    run: editLink,
  }
  tools.append(
    group(historyActions(strings)),
    kindGroup,
    group([...markActions(strings), link]),
    group(blocks.lists),
    group(blocks.blocks),
  )
  const settle = rove(tools, () => editor.commands.focus())

  const update = () => {
    const current = blocks.text.find((action) => action.isActive?.(editor)) ?? null
    const name = editor.isActive('codeBlock') ? strings.codeBlock : (current?.label ?? strings.paragraph)
    kindName.textContent = name
    kind.setAttribute('aria-label', `${strings.blockType}: ${name}`)
    kind.disabled = !editor.isEditable
    for (const { action, control } of controls) {
      control.disabled = !editor.isEditable || !action.isEnabled(editor)
      if (action.isActive) control.setAttribute('aria-pressed', String(action.isActive(editor)))
    }
    element.hidden = !editor.isEditable
    if (element.hidden) menu.close()
    settle()
  }
  return {
    element,
    update,
    focus: () => tools.querySelector<HTMLButtonElement>('button[tabindex="0"]')?.focus(),
    destroy: () => menu.destroy(),
  }
}

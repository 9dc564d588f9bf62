/**
 * The document editor: Tiptap in a page's container, with its bars and menus around it.
 *
 * For tests the container carries `__document`: `{ editor }`.
 */
import './bars.css'
import './text.css'
import './blocks.css'
import './document.css'
import { Editor } from '@tiptap/core'
import { Dropcursor, Gapcursor, Placeholder } from '@tiptap/extensions'
import { type MountPage, SHARED_TYPES } from '../contract.ts'
import { blockActions } from './actions.ts'
import { createBubble } from './bubble.ts'
import { Carets } from './carets.ts'
import { codeBlock } from './code-block.ts'
import { imageControls, imageNode, Uploads } from './images.ts'
import { linkControls, LinkTyping } from './links.ts'
import { withoutHandlers } from './paste.ts'
import { Reading } from './reading.ts'
import { schemaExtensions } from './schema.ts'
import { Binding, Sharing } from './sharing.ts'
import { Slash } from './slash.ts'
import { STRINGS } from './strings.ts'
import { tableControls } from './tables.ts'
import { createToolbar } from './toolbar.ts'
import { countWords } from './words.ts'

export const mount: MountPage = (context) => {
  const { container, doc, awareness } = context
  const strings = STRINGS[context.language]
  const fragment = doc.getXmlFragment(SHARED_TYPES.content)
  const reading = new Reading()
  let readOnly = context.readOnly
  let synced = false
  let destroyed = false
  const mayWrite = () => synced && !readOnly

  const layer = document.createElement('div')
  layer.className = 'document'
  const scroller = document.createElement('div')
  scroller.className = 'document-scroll'
  const sheet = document.createElement('div')
  sheet.className = 'document-sheet'
  const count = document.createElement('p')
  count.className = 'document-count'
  scroller.append(sheet)
  layer.append(scroller, count)
  container.append(layer)

  // What the actions do comes to be below; they are not asked before.
  let links: ReturnType<typeof linkControls> | undefined
  const editLink = () => links?.edit()
  const blocks = blockActions(strings, () => editor.storage.uploads.choose())

  const editor: Editor = new Editor({
    element: sheet,
    injectCSS: false,
    editable: false,
    autofocus: false,
    extensions: [
      ...schemaExtensions({ strings, image: imageNode(strings), codeBlock: codeBlock(strings) }),
      Sharing.configure({ fragment, reading, mayWrite }),
      Binding.configure({
        fragment,
        ySyncOptions: { mapping: reading as never },
      }),
      Carets.configure({ awareness, me: context.me, unnamed: strings.unnamed }),
      LinkTyping.configure({ edit: editLink }),
      Uploads.configure({ strings, upload: context.upload, notify: context.notify, files: context.files }),
      Slash.configure({
        groups: [
          { label: strings.groupText, actions: blocks.text },
          { label: strings.groupLists, actions: blocks.lists },
          { label: strings.groupBlocks, actions: blocks.blocks },
        ],
        layer,
        strings,
      }),
      Placeholder.configure({
        showOnlyWhenEditable: false,
        placeholder: ({ editor: one, node, pos }) => {
          if (node.type.name === 'heading') return strings.placeholderHeading(node.attrs['level'] as number)
          if (!one.isEditable) return synced && one.isEmpty ? strings.placeholderEmpty : ''
          return one.isEmpty && pos === 0 ? strings.placeholder : strings.placeholderBlock
        },
      }),
      Dropcursor.configure({ class: 'document-dropcursor', color: false }),
      Gapcursor,
    ],
    editorProps: {
      transformPastedHTML: withoutHandlers,
      // Room for the bars that float above the caret, and for the end of the page below it.
      scrollThreshold: { top: 60, right: 0, bottom: 90, left: 0 },
      scrollMargin: { top: 72, right: 0, bottom: 110, left: 0 },
      attributes: {
        role: 'textbox',
        'aria-multiline': 'true',
        'aria-label': strings.editorLabel(context.page.title),
        class: 'document-text',
      },
    },
  })
  Object.defineProperty(container, '__document', { value: { editor }, configurable: true })

  const toolbar = createToolbar({ editor, layer, strings, blocks, editLink })
  layer.prepend(toolbar.element)
  const bubble = createBubble(editor, layer, strings, editLink)
  links = linkControls(editor, layer, strings, context.notify)
  const tables = tableControls(editor, layer, strings)
  const images = imageControls(editor, layer, strings)

  let waiting = 0
  const update = () => {
    // Once a frame, however many transactions there were: each of these measures the page.
    waiting ||= requestAnimationFrame(() => {
      waiting = 0
      if (destroyed) return
      toolbar.update()
      links?.update()
      if (links?.busy) bubble.hide()
      else bubble.update()
      tables.update()
      images.update()
      count.textContent = synced ? strings.words(countWords(editor.state.doc)) : ''
    })
  }
  const move = () => {
    bubble.move()
    links?.move()
    tables.update()
    images.move()
  }
  editor.on('transaction', update)
  editor.on('focus', update)
  editor.on('blur', update)
  scroller.addEventListener('scroll', move, { passive: true })
  const resized = new ResizeObserver(move)
  resized.observe(layer)
  layer.addEventListener('keydown', (event) => {
    if (event.altKey && event.key === 'F10') {
      event.preventDefault()
      toolbar.focus()
    }
  })
  // Clicking beside the text means the text, as on paper.
  scroller.addEventListener('mousedown', (event) => {
    if (event.target !== scroller && event.target !== sheet) return
    event.preventDefault()
    focusBeside(editor, event)
  })

  const settle = () => {
    editor.setEditable(mayWrite(), false)
    editor.view.dom.setAttribute('aria-readonly', String(!mayWrite()))
    layer.classList.toggle('is-loading', !synced)
    sheet.setAttribute('aria-busy', String(!synced))
    update()
  }
  settle()
  void context.synced.then(() => {
    if (destroyed) return
    synced = true
    editor.storage.sharing.render()
    settle()
  })

  return {
    setReadOnly(next) {
      const raised = readOnly && !next
      readOnly = next
      if (raised && synced) editor.storage.sharing.render()
      settle()
    },
    // Colours are custom properties that follow the page.
    setTheme: () => undefined,
    focus: () => void editor.commands.focus(),
    destroy() {
      destroyed = true
      cancelAnimationFrame(waiting)
      resized.disconnect()
      for (const part of [toolbar, bubble, links, tables, images]) part?.destroy()
      editor.destroy()
      layer.remove()
    },
  }
}

/** The line beside which somebody clicked, or the end; below a table or a picture, a new line. */
function focusBeside(editor: Editor, { clientX, clientY }: MouseEvent): void {
  const text = editor.view.dom.getBoundingClientRect()
  const left = Math.max(text.left + 1, Math.min(clientX, text.right - 1))
  const beside = clientY < text.bottom ? editor.view.posAtCoords({ left, top: clientY }) : null
  if (beside) {
    editor.commands.focus(beside.pos)
    return
  }
  const { doc } = editor.state
  const last = doc.lastChild
  const closed = last && (last.isAtom || last.type.spec.code || last.type.name === 'table')
  if (closed && editor.isEditable) editor.commands.insertContentAt(doc.content.size, { type: 'paragraph' })
  editor.commands.focus('end')
}

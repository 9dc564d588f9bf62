/**
 * Pictures: chosen, dropped or pasted, uploaded with visible progress, and put into the document once they are stored.
 *
 * While it travels, a picture is shown to its author only. Its place is a Yjs relative position, because what others
 * write meanwhile moves everything. A failed upload stays in its place and can be tried again.
 */
import { Extension, type Editor } from '@tiptap/core'
import { Fragment, Slice, type Node } from '@tiptap/pm/model'
import { NodeSelection, Plugin, PluginKey } from '@tiptap/pm/state'
import { dropPoint } from '@tiptap/pm/transform'
import { Decoration, DecorationSet } from '@tiptap/pm/view'
import type * as Y from 'yjs'
import type { PageContext } from '../contract.ts'
import { anchorAt, positionOf } from './anchors.ts'
import { isStoredFile, type Attributes } from './attributes.ts'
import { button, lineForm } from './controls.ts'
import { Floating } from './floating.ts'
import { isPictureOnly } from './paste.ts'
import { ImageNode } from './schema.ts'
import { cameFromYjs } from './sharing.ts'
import type { Strings } from './strings.ts'

const key = new PluginKey<DecorationSet>('uploads')

interface Upload {
  file: File
  anchor: Y.RelativePosition | null
  element: HTMLElement
  failed: boolean
}

interface UploadOptions {
  strings: Strings
  upload: PageContext['upload']
  notify: PageContext['notify']
  files: PageContext['files']
}

declare module '@tiptap/core' {
  interface Storage {
    uploads: { choose: () => void }
  }
}

export const Uploads = Extension.create<UploadOptions, { choose: () => void }>({
  name: 'uploads',
  addStorage: () => ({ choose: () => undefined }),

  addProseMirrorPlugins() {
    const { editor, options, storage } = this
    const uploads = new Set<Upload>()
    const chooser = document.createElement('input')
    chooser.type = 'file'
    chooser.accept = 'image/png,image/jpeg,image/gif,image/webp'
    chooser.multiple = true
    chooser.addEventListener('change', () => {
      const files = [...(chooser.files ?? [])]
      chooser.value = ''
      begin(editor.state.selection.to, files)
    })
    storage.choose = () => chooser.click()

    const tell = () => {
      const failed = [...uploads].filter((upload) => upload.failed).length
      options.files({ sending: uploads.size - failed, failed })
    }
    const redraw = () => {
      if (!editor.isDestroyed) editor.view.dispatch(editor.state.tr.setMeta(key, true).setMeta('addToHistory', false))
    }
    const end = (upload: Upload) => {
      uploads.delete(upload)
      tell()
      redraw()
    }
    const send = async (upload: Upload) => {
      const { strings } = options
      upload.failed = false
      tell()
      const bar = document.createElement('progress')
      const label = document.createElement('span')
      bar.max = 1
      const show = (fraction: number) => {
        bar.value = fraction
        label.textContent = strings.imageUploading(Math.round(fraction * 100))
      }
      show(0)
      upload.element.classList.remove('is-failed')
      upload.element.replaceChildren(label, bar)
      try {
        const stored = await options.upload(upload.file, show)
        if (editor.isDestroyed) return
        // The right to edit went meanwhile: an insertion would be seen here and nowhere else.
        if (!editor.isEditable) throw new Error()
        uploads.delete(upload)
        const at = (upload.anchor && positionOf(editor.state, upload.anchor)) ?? editor.state.doc.content.size
        insertImage(editor, at, { src: stored.url, width: stored.width, height: stored.height, alt: null })
        tell()
        redraw()
      } catch (error) {
        if (editor.isDestroyed) return
        uploads.add(upload)
        upload.failed = true
        tell()
        const why = error instanceof Error ? error.message : ''
        label.textContent = why ? `${strings.imageFailed}: ${why}` : strings.imageFailed
        const retry = document.createElement('button')
        retry.type = 'button'
        retry.className = 'button small'
        retry.textContent = strings.imageRetry
        retry.addEventListener('click', () => void send(upload))
        const discard = document.createElement('button')
        discard.type = 'button'
        discard.className = 'button small quiet'
        discard.textContent = strings.imageDiscard
        discard.addEventListener('click', () => end(upload))
        upload.element.replaceChildren(label, retry, discard)
        upload.element.classList.add('is-failed')
      }
    }
    const begin = (position: number, files: readonly File[]): boolean => {
      const images = files.filter((file) => file.type.startsWith('image/'))
      if (files.length > images.length) options.notify(options.strings.imageOnly, 'error')
      if (!editor.isEditable || images.length === 0) return files.length > 0
      for (const file of images) {
        const element = document.createElement('div')
        element.className = 'document-upload'
        element.contentEditable = 'false'
        element.setAttribute('role', 'status')
        const upload: Upload = { file, anchor: anchorAt(editor.state, position), element, failed: false }
        uploads.add(upload)
        void send(upload)
      }
      redraw()
      for (const { element } of uploads) element.scrollIntoView({ block: 'nearest' })
      return true
    }

    return [
      new Plugin<DecorationSet>({
        key,
        state: {
          init: () => DecorationSet.empty,
          apply: (transaction, shown, _before, state) => {
            if (transaction.getMeta(key) === undefined && !cameFromYjs(transaction)) {
              return transaction.docChanged ? shown.map(transaction.mapping, transaction.doc) : shown
            }
            const decorations = [...uploads].map((upload) => {
              const at = (upload.anchor && positionOf(state, upload.anchor)) ?? state.doc.content.size
              return Decoration.widget(at, upload.element, { side: 1, key: upload.element, ignoreSelection: true } as object)
            })
            return DecorationSet.create(state.doc, decorations)
          },
        },
        props: {
          decorations: (state) => key.getState(state),
          handlePaste: (view, event) => {
            const data = event.clipboardData
            // Word and browsers put a picture of the text beside the text: the text is meant.
            if (!data || data.files.length === 0 || data.getData('text/plain').trim() !== '') return false
            if (!isPictureOnly(data.getData('text/html'))) return false
            return begin(view.state.selection.to, [...data.files])
          },
          handleDrop: (view, event, _slice, moved) => {
            const files = [...(event.dataTransfer?.files ?? [])]
            if (moved || files.length === 0) return false
            event.preventDefault()
            const at = view.posAtCoords({ left: event.clientX, top: event.clientY })
            // Between the blocks, as a picture that is moved: not into the middle of a word.
            const picture = view.state.schema.nodes.image?.create()
            const between = at && picture && dropPoint(view.state.doc, at.pos, new Slice(Fragment.from(picture), 0, 0))
            return begin(between ?? at?.pos ?? view.state.selection.to, files)
          },
        },
        view: () => ({ destroy: () => uploads.clear() }),
      }),
    ]
  },
})

/**
 * Put a stored picture where it was meant to be. The selection stays with the text: its author may be writing somewhere
 * else by now, and a selected picture is replaced by the next key.
 */
export function insertImage(editor: Editor, position: number, attrs: Attributes): void {
  const { doc } = editor.state
  let at = doc.resolve(position)
  if (at.parent.type.spec.code) at = doc.resolve(at.after())
  const inText = at.parent.isTextblock
  const next = inText ? at.node(-1).maybeChild(at.indexAfter(-1)) : at.nodeAfter
  const last = (!inText || at.parentOffset === at.parent.content.size) && !next?.isTextblock
  const content = [{ type: 'image', attrs }, ...(last ? [{ type: 'paragraph' }] : [])]
  editor.chain().insertContentAt(at.pos, content, { updateSelection: false }).run()
}

/** The picture in the text: what cannot be loaded says so instead of showing a broken frame. */
export const imageNode = (strings: Strings) =>
  ImageNode.extend({
    addNodeView() {
      return ({ node }) => {
        const dom = document.createElement('figure')
        dom.className = 'document-image'
        const picture = document.createElement('img')
        const missing = document.createElement('span')
        missing.className = 'document-image-missing'
        missing.textContent = strings.imageMissing
        picture.addEventListener('error', () => dom.replaceChildren(missing))
        const show = ({ attrs }: Node) => {
          if (!isStoredFile(attrs['src'])) return dom.replaceChildren(missing)
          picture.alt = typeof attrs['alt'] === 'string' ? attrs['alt'] : ''
          if (typeof attrs['width'] === 'number' && typeof attrs['height'] === 'number') {
            picture.width = attrs['width']
            picture.height = attrs['height']
          }
          if (picture.getAttribute('src') !== attrs['src']) picture.src = attrs['src']
          dom.replaceChildren(picture)
        }
        picture.loading = 'lazy'
        show(node)
        return {
          dom,
          update: (next) => {
            if (next.type.name !== 'image') return false
            show(next)
            return true
          },
        }
      }
    },
  })

/** The bar above a selected picture: describe it, remove it. */
export function imageControls(editor: Editor, layer: HTMLElement, strings: Strings) {
  const floating = new Floating(layer, 'document-bar document-image-bar')
  floating.element.setAttribute('role', 'group')
  floating.element.setAttribute('aria-label', strings.imageLabel)
  const describe = button('captions', strings.imageAltEdit, () => openForm())
  const remove = button('remove', strings.imageRemove, () => editor.chain().focus().deleteSelection().run())
  const buttons = document.createElement('div')
  buttons.className = 'document-link-view'
  buttons.append(describe, remove)
  let editing = false
  const form = lineForm(
    strings.imageAlt,
    strings.imageAlt,
    strings.imageAltSave,
    (text) => {
      closeForm()
      editor.chain().focus().updateAttributes('image', { alt: text.trim().slice(0, 1000) || null }).run()
    },
    () => {
      closeForm()
      editor.commands.focus()
    },
  )
  floating.element.append(buttons, form.element)
  form.element.hidden = true
  floating.element.addEventListener('focusout', (event) => {
    if (editing && !floating.element.contains(event.relatedTarget as globalThis.Node | null)) closeForm()
  })

  function openForm(): void {
    editing = true
    buttons.hidden = true
    form.element.hidden = false
    form.input.value = (editor.getAttributes('image')['alt'] as string | null) ?? ''
    form.input.focus()
  }

  function closeForm(): void {
    editing = false
    form.element.hidden = true
    buttons.hidden = false
  }

  return {
    update: () => {
      const { selection } = editor.state
      const selected = selection instanceof NodeSelection && selection.node.type.name === 'image'
      const focus = editor.isFocused || floating.element.contains(document.activeElement)
      if (!editor.isEditable || !selected || !focus) {
        closeForm()
        return floating.hide()
      }
      const dom = editor.view.nodeDOM(selection.from)
      if (dom instanceof HTMLElement) floating.show(() => dom.getBoundingClientRect(), 'above')
    },
    move: () => floating.move(),
    destroy: () => floating.destroy(),
  }
}

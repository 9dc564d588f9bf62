/** Everything the toolbar, the bubble bar and the slash menu can do, each thing once. */
import type { Editor } from '@tiptap/core'
import type { Transaction } from '@tiptap/pm/state'
import type { Strings } from './strings.ts'

export interface Action {
  id: string
  icon: string
  label: string
  keys?: string
  isActive?: (editor: Editor) => boolean
  isEnabled: (editor: Editor) => boolean
  run: (editor: Editor) => void
}

export interface BlockAction extends Action {
  about: string
  /** Words that find it, in every language at once: people type what they know. */
  words: string
}

const focused = (editor: Editor) => editor.chain().focus(undefined, { scrollIntoView: false })

/** A table at the end would leave no place to go on writing. */
const lineAfterTable = ({ tr }: { tr: Transaction }): boolean => {
  if (tr.doc.lastChild?.type.name === 'table') {
    const line = tr.doc.type.schema.nodes.paragraph?.create()
    if (line) tr.insert(tr.doc.content.size, line)
  }
  return true
}

/** The history belongs to Yjs: it knows whose edits are whose. */
export const historyActions = (strings: Strings): Action[] => [
  {
    id: 'undo',
    icon: 'undo',
    label: strings.undo,
    keys: 'Mod-z',
    isEnabled: (editor) => editor.can().undo(),
    run: (editor) => void focused(editor).undo().run(),
  },
  {
    id: 'redo',
    icon: 'redo',
    label: strings.redo,
    keys: 'Mod-Shift-z',
    isEnabled: (editor) => editor.can().redo(),
    run: (editor) => void focused(editor).redo().run(),
  },
]

const mark = (id: string, label: string, keys: string): Action => ({
  id,
  icon: id,
  label,
  keys,
  isActive: (editor) => editor.isActive(id),
  isEnabled: (editor) => editor.can().toggleMark(id),
  run: (editor) => void focused(editor).toggleMark(id).run(),
})

export const markActions = (strings: Strings): Action[] => [
  mark('bold', strings.bold, 'Mod-b'),
  mark('italic', strings.italic, 'Mod-i'),
  mark('underline', strings.underline, 'Mod-u'),
  mark('strike', strings.strike, 'Mod-Shift-s'),
  mark('code', strings.code, 'Mod-e'),
  mark('highlight', strings.highlight, 'Mod-Shift-h'),
]

export function blockActions(strings: Strings, chooseImage: () => void) {
  const heading = (level: 1 | 2 | 3, about: string, words: string): BlockAction => ({
    id: `heading${level}`,
    icon: `heading${level}`,
    label: strings[`heading${level}`],
    about,
    words,
    keys: `Mod-Alt-${level}`,
    isActive: (editor) => editor.isActive('heading', { level }),
    isEnabled: (editor) => editor.can().setNode('heading', { level }),
    run: (editor) => void focused(editor).setNode('heading', { level }).run(),
  })
  const paragraph: BlockAction = {
    id: 'paragraph',
    icon: 'paragraph',
    label: strings.paragraph,
    about: strings.aboutParagraph,
    words: 'text paragraph plain 正文 段落 文本 zhengwen duanluo',
    keys: 'Mod-Alt-0',
    isActive: (editor) => editor.isActive('paragraph'),
    isEnabled: (editor) => editor.can().setNode('paragraph'),
    run: (editor) => void focused(editor).setNode('paragraph').run(),
  }
  const text: BlockAction[] = [
    paragraph,
    heading(1, strings.aboutHeading1, 'heading title h1 # 一级标题 标题 biaoti'),
    heading(2, strings.aboutHeading2, 'heading subtitle h2 ## 二级标题 标题 biaoti'),
    heading(3, strings.aboutHeading3, 'heading h3 ### 三级标题 标题 biaoti'),
  ]
  // A heading becomes a paragraph first, which `can` does not foresee.
  const lists: BlockAction[] = [
    {
      id: 'bulletList',
      icon: 'bulletList',
      label: strings.bulletList,
      about: strings.aboutBulletList,
      words: 'bullet list unordered ul - 无序列表 项目符号 liebiao wuxu',
      keys: 'Mod-Shift-8',
      isActive: (editor) => editor.isActive('bulletList'),
      isEnabled: (editor) => editor.isActive('heading') || editor.can().toggleBulletList(),
      run: (editor) => void focused(editor).toggleBulletList().run(),
    },
    {
      id: 'orderedList',
      icon: 'orderedList',
      label: strings.orderedList,
      about: strings.aboutOrderedList,
      words: 'numbered ordered list ol 1. 有序列表 编号 liebiao youxu bianhao',
      keys: 'Mod-Shift-7',
      isActive: (editor) => editor.isActive('orderedList'),
      isEnabled: (editor) => editor.isActive('heading') || editor.can().toggleOrderedList(),
      run: (editor) => void focused(editor).toggleOrderedList().run(),
    },
    {
      id: 'taskList',
      icon: 'taskList',
      label: strings.taskList,
      about: strings.aboutTaskList,
      words: 'to-do todo task check list checkbox [] 待办 任务 清单 daiban renwu qingdan',
      keys: 'Mod-Shift-9',
      isActive: (editor) => editor.isActive('taskList'),
      isEnabled: (editor) => editor.isActive('heading') || editor.can().toggleTaskList(),
      run: (editor) => void focused(editor).toggleTaskList().run(),
    },
  ]
  const blocks: BlockAction[] = [
    {
      id: 'quote',
      icon: 'quote',
      label: strings.quote,
      about: strings.aboutQuote,
      words: 'quote blockquote citation > 引用 yinyong',
      keys: 'Mod-Shift-b',
      isActive: (editor) => editor.isActive('blockquote'),
      isEnabled: (editor) => editor.can().toggleBlockquote(),
      run: (editor) => void focused(editor).toggleBlockquote().run(),
    },
    {
      id: 'codeBlock',
      icon: 'codeBlock',
      label: strings.codeBlock,
      about: strings.aboutCodeBlock,
      words: 'code block pre ``` 代码块 daima',
      keys: 'Mod-Alt-c',
      isActive: (editor) => editor.isActive('codeBlock'),
      isEnabled: (editor) => editor.can().toggleCodeBlock(),
      run: (editor) => void focused(editor).toggleCodeBlock().run(),
    },
    {
      id: 'table',
      icon: 'table',
      label: strings.table,
      about: strings.aboutTable,
      words: 'table grid rows columns 表格 biaoge',
      isEnabled: (editor) => !editor.isActive('table') && !editor.isActive('codeBlock') && editor.can().insertTable(),
      run: (editor) => void focused(editor).insertTable({ rows: 3, cols: 3, withHeaderRow: true }).command(lineAfterTable).run(),
    },
    {
      id: 'image',
      icon: 'image',
      label: strings.image,
      about: strings.aboutImage,
      words: 'image picture photo upload file 图片 照片 上传 tupian zhaopian shangchuan',
      isEnabled: (editor) => !editor.isActive('codeBlock'),
      run: chooseImage,
    },
    {
      id: 'rule',
      icon: 'rule',
      label: strings.rule,
      about: strings.aboutRule,
      words: 'divider horizontal rule line hr --- 分割线 横线 fengexian',
      isEnabled: (editor) => !editor.isActive('table') && editor.can().setHorizontalRule(),
      run: (editor) => void focused(editor).setHorizontalRule().run(),
    },
  ]
  return { text, lists, blocks }
}

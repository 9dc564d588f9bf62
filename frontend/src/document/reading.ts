/**
 * From Yjs to ProseMirror, for any content whatsoever.
 *
 * The binding's own conversion deletes what it cannot show, for everybody: an element a newer version introduced, a text
 * with an unknown mark, a list item whose paragraph two people removed at once. `Reading` replaces it. It is total: it
 * never throws, never writes, and always answers with nodes that fit the schema. What this version does not know becomes
 * a placeholder that keeps the original untouched.
 *
 * It knows neither the editor nor its view. It takes the place of the map the binding keeps its nodes in
 * (`ySyncOptions.mapping`): while reading, a type that is not in the map yet is converted on first sight.
 */
import { Fragment, Mark, MarkType, type Node, type NodeType, type Schema } from '@tiptap/pm/model'
import * as Y from 'yjs'
import { cleanAttributes } from './attributes.ts'

/** Elements nested deeper than any person would; the server's own bound lies at 64. */
const DEEPEST = 100
/** Names of unknown marks that are carried along; a page with more is not a page anybody wrote. */
const MOST_UNKNOWN_MARKS = 16
/** Containers that are nothing without content: hidden when two people emptied them between them. */
const NOTHING_WHEN_EMPTY = new Set(['bulletList', 'orderedList', 'taskList', 'blockquote', 'table', 'tableRow'])
/** y-prosemirror appends a hash to marks that may overlap themselves. */
const MARK_HASH = /^(.*)--[a-zA-Z0-9+/=]{8}$/

export type SharedType = Y.AbstractType<unknown>
type Read = Node | Node[] | null

export class Reading extends Map<SharedType, Node | Node[]> {
  /** Elements this version cannot show, with the placeholder that stands for each. */
  readonly unknown = new Map<Y.XmlElement, Node>()
  /** Types that are not shown: nothing is left of them, or they have no place among elements. */
  readonly hidden = new Set<SharedType>()
  readonly #unknownMarks = new Map<string, MarkType>()
  #schema: Schema | null = null
  #reading = false

  /** Convert whatever `work` looks up and is not known yet. */
  during<Result>(schema: Schema, work: () => Result): Result {
    const before = this.#reading
    this.#schema = schema
    this.#reading = true
    try {
      return work()
    } finally {
      this.#reading = before
    }
  }

  override clear(): void {
    super.clear()
    this.unknown?.clear()
    this.hidden?.clear()
  }

  /** The node for a child of the root; null hides it. The binding asks for nothing deeper while it reads. */
  override get(type: SharedType): Node | Node[] | undefined {
    const known = super.get(type)
    if (known !== undefined || !this.#reading || this.#schema === null) return known
    const block = this.#block(this.#schema, type)
    if (block === null) this.#hide(type)
    // The binding treats null as "leave this out", which its type does not say.
    return block as Node | undefined
  }

  /** The document's content as nodes that fit the top node. */
  content(schema: Schema, fragment: Y.XmlFragment): Node[] {
    return this.during(schema, () => {
      const nodes: Node[] = []
      for (const child of fragment.toArray()) {
        const node = this.get(child as SharedType)
        if (node && !Array.isArray(node)) nodes.push(node)
      }
      return nodes
    })
  }

  #block(schema: Schema, type: SharedType): Node | null {
    if (type instanceof Y.XmlText) {
      // Text beside the blocks: no editor writes it, a script may. Shown as a paragraph; becomes one once edited.
      const paragraph = fitted(schema.nodes.paragraph as NodeType, null, this.#text(schema, type))
      if (paragraph) this.set(type as unknown as SharedType, paragraph)
      return paragraph
    }
    const read = this.#read(schema, type, false, 0)
    if (read === null || Array.isArray(read)) return null
    const top = schema.topNodeType.contentMatch
    if (top.matchType(read.type)) return read
    const wrappers = top.findWrapping(read.type)
    const node = wrappers ? wrapped(wrappers, read) : null
    if (node) this.set(type, node)
    else this.delete(type)
    return node
  }

  #read(schema: Schema, type: unknown, inline: boolean, depth: number): Read {
    if (type instanceof Y.XmlText) return this.#text(schema, type)
    if (!(type instanceof Y.XmlElement)) return null
    const nodeType = schema.nodes[type.nodeName]
    if (nodeType === undefined || depth > DEEPEST || nodeType === schema.topNodeType || nodeType.isText) {
      return this.#placeholder(schema, type, inline)
    }
    const children: Node[] = []
    if (!nodeType.isLeaf) {
      for (const child of type.toArray()) {
        const read = this.#read(schema, child, nodeType.inlineContent, depth + 1)
        if (Array.isArray(read)) children.push(...read)
        else if (read !== null) children.push(read)
        else this.#hide(child)
      }
    }
    const node = fitted(nodeType, cleanAttributes(nodeType.name, type.getAttributes()), children)
    if (node) this.set(type as SharedType, node)
    return node
  }

  #hide(type: unknown): void {
    if (type instanceof Y.AbstractType) this.hidden.add(type as SharedType)
  }

  #placeholder(schema: Schema, element: Y.XmlElement, inline: boolean): Node | null {
    const type = schema.nodes[inline ? 'unsupportedInline' : 'unsupportedBlock']
    if (type === undefined) return null
    const node = type.create({ name: String(element.nodeName).slice(0, 100) })
    this.unknown.set(element, node)
    this.set(element as SharedType, node)
    return node
  }

  #text(schema: Schema, type: Y.XmlText): Node[] {
    const nodes: Node[] = []
    for (const piece of type.toDelta() as { insert: unknown; attributes?: Record<string, unknown> }[]) {
      if (typeof piece.insert !== 'string' || piece.insert === '') continue
      let marks: readonly Mark[] = Mark.none
      for (const [name, value] of Object.entries(piece.attributes ?? {})) {
        const mark = this.#mark(schema, MARK_HASH.exec(name)?.[1] ?? name, value)
        if (mark) marks = mark.addToSet(marks)
      }
      nodes.push(schema.text(piece.insert, marks))
    }
    this.set(type as unknown as SharedType, nodes)
    return nodes
  }

  #mark(schema: Schema, name: string, value: unknown): Mark | null {
    if (value === null || value === undefined) return null
    const known = this.#unknownMarks.has(name) ? undefined : schema.marks[name]
    if (known === undefined) {
      const attributes = typeof value === 'object' ? (value as Record<string, unknown>) : {}
      return this.#unknownMark(schema, name)?.create(attributes) ?? null
    }
    const attributes = cleanAttributes(name, value)
    if (known.name === 'link' && attributes?.href === null) return null
    return known.create(attributes)
  }

  /** A mark type that shows nothing and writes back exactly what was read. */
  #unknownMark(schema: Schema, name: string): MarkType | null {
    const made = this.#unknownMarks.get(name)
    if (made) return made
    if (this.#unknownMarks.size >= MOST_UNKNOWN_MARKS) return null
    const type = carrier(schema, name, Object.keys(schema.marks).length)
    this.#unknownMarks.set(name, type)
    // ProseMirror looks marks up by name when it reads back what somebody typed between them.
    ;(schema.marks as Record<string, MarkType>)[name] = type
    return type
  }
}

/** ProseMirror makes mark types only with their schema; this one joins later, so its two late fields are set by hand. */
function carrier(schema: Schema, name: string, rank: number): MarkType {
  const Constructor = MarkType as unknown as new (name: string, rank: number, schema: Schema, spec: object) => MarkType
  const type = new Constructor(name, rank, schema, { toDOM: () => ['span', 0], inclusive: false })
  const open = type as unknown as { excluded: MarkType[]; create: (attrs?: Record<string, unknown>) => Mark }
  open.excluded = [type]
  open.create = (attrs) => {
    const MarkConstructor = Mark as unknown as new (type: MarkType, attrs: object) => Mark
    return new MarkConstructor(type, { ...attrs })
  }
  return type
}

function wrapped(wrappers: readonly NodeType[], node: Node): Node | null {
  let result: Node | null = node
  for (const wrapper of [...wrappers].reverse()) {
    result = result && fitted(wrapper, null, [result])
  }
  return result
}

/** A node of this type with as much of the content as fits: missing parts added, stray ones wrapped or left out. */
function fitted(type: NodeType, attributes: Record<string, unknown> | null, children: readonly Node[]): Node | null {
  const content = Fragment.fromArray([...children])
  try {
    return type.createChecked(attributes, content)
  } catch {
    return type.isLeaf ? type.create(attributes) : mended(type, attributes, children)
  }
}

function mended(type: NodeType, attributes: Record<string, unknown> | null, children: readonly Node[]): Node | null {
  const kept: Node[] = []
  let match = type.contentMatch
  let inline: Node[] = []
  const keep = (node: Node): boolean => {
    const direct = match.matchType(node.type)
    if (direct) {
      kept.push(type.allowsMarks(node.marks) ? node : node.mark(type.allowedMarks(node.marks)))
      match = direct
      return true
    }
    const filling = match.fillBefore(Fragment.from(node))
    const wrappers = filling ? [] : match.findWrapping(node.type)
    const fitting = filling ? node : wrappers && wrapped(wrappers, node)
    if (!fitting) return false
    filling?.forEach((filler) => kept.push(filler))
    kept.push(fitting)
    match = type.contentMatch.matchFragment(Fragment.fromArray(kept)) ?? match
    return true
  }
  const flush = () => {
    const paragraph = type.schema.nodes.paragraph
    if (inline.length > 0 && paragraph) keep(paragraph.create(null, inline))
    inline = []
  }
  for (const child of children) {
    if (child.isInline && !type.inlineContent) {
      inline.push(child)
      continue
    }
    flush()
    keep(child)
  }
  flush()
  if (kept.length === 0 && NOTHING_WHEN_EMPTY.has(type.name)) return null
  const rest = match.fillBefore(Fragment.empty, true)
  if (!rest) return null
  return type.create(attributes, Fragment.fromArray(kept).append(rest))
}

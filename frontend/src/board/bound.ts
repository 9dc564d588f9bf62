/**
 * What is attached to what. Excalidraw notes a binding twice: in the arrow or text, and in the shape it is attached to.
 * Only the first is shared; the second follows from it, so two people who attach arrows to one shape both succeed.
 */

interface Bindable {
  readonly id: string
  readonly type: string
  readonly isDeleted: boolean
  readonly boundElements?: readonly { readonly id: string; readonly type: string }[] | null
  readonly startBinding?: { readonly elementId: string } | null
  readonly endBinding?: { readonly elementId: string } | null
  readonly containerId?: string | null
}

/** The same elements, each with `boundElements` as the others' bindings say. Unchanged ones are the same objects. */
export function withBoundElements<T extends Bindable>(elements: readonly T[]): T[] {
  const bound = new Map<string, Map<string, 'arrow' | 'text'>>()
  const attach = (to: string | null | undefined, id: string, type: 'arrow' | 'text') => {
    if (!to) return
    const known = bound.get(to)
    if (known) known.set(id, type)
    else bound.set(to, new Map([[id, type]]))
  }
  for (const element of elements) {
    if (element.isDeleted) continue
    if (element.type === 'arrow') {
      attach(element.startBinding?.elementId, element.id, 'arrow')
      attach(element.endBinding?.elementId, element.id, 'arrow')
    } else if (element.type === 'text') attach(element.containerId, element.id, 'text')
  }
  return elements.map((element) => {
    const should = bound.get(element.id)
    const is = element.boundElements ?? []
    if (is.length === (should?.size ?? 0) && is.every(({ id }) => should?.has(id))) return element
    return { ...element, boundElements: [...(should ?? [])].map(([id, type]) => ({ id, type })) }
  })
}

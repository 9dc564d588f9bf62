/** Making elements without a framework: one function for HTML, one for icons. Text is always text, never markup. */

type Child = Node | string | false | null | undefined

interface Properties {
  class?: string
  /** CSS custom properties, by name with the two dashes. */
  vars?: Record<string, string>
  on?: { [Name in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[Name]) => void }
  /** Everything else is an attribute; false and undefined leave it out, true sets it empty. */
  [attribute: string]: unknown
}

export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag)
  const { vars, on, ...attributes } = properties
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false && value !== null) element.setAttribute(name, value === true ? '' : String(value))
  }
  for (const [name, value] of Object.entries(vars ?? {})) element.style.setProperty(name, value)
  for (const [name, listener] of Object.entries(on ?? {})) element.addEventListener(name, listener as EventListener)
  element.append(...children.filter((child): child is Node | string => Boolean(child)))
  return element
}

/** An icon from the text of a Lucide file (`lucide-static/icons/….svg?raw`). Decoration: it has no name of its own. */
export function icon(svg: string): SVGSVGElement {
  const parsed = new DOMParser().parseFromString(svg.slice(svg.indexOf('<svg')), 'image/svg+xml')
  const element = document.importNode(parsed.documentElement, true) as unknown as SVGSVGElement
  element.setAttribute('class', 'icon')
  element.setAttribute('aria-hidden', 'true')
  return element
}

/** The element the server rendered for the shell; its absence is a mistake of ours, said plainly. */
export function rendered<Element extends HTMLElement = HTMLElement>(id: string): Element {
  const element = document.getElementById(id)
  if (!element) throw new Error(`The room page has no #${id}`)
  return element as Element
}

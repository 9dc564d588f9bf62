/**
 * Things that float beside the text: they stay inside the layer, step aside when there is no room and follow scrolling.
 */

export type Place = 'above' | 'above-start' | 'below-start'

const GAP = 8
const MARGIN = 8

export class Floating {
  readonly element: HTMLDivElement
  readonly #layer: HTMLElement
  readonly #area: Element
  #rect: (() => DOMRect | null) | null = null
  #place: Place = 'above'

  /**
   * @param area What it may cover; without one, the part of the layer that scrolls.
   */
  constructor(layer: HTMLElement, className: string, area?: Element) {
    this.#layer = layer
    this.#area = area ?? layer.querySelector('.document-scroll') ?? layer
    this.element = document.createElement('div')
    this.element.className = `document-floating ${className}`
    this.element.hidden = true
    layer.append(this.element)
  }

  get shown(): boolean {
    return !this.element.hidden
  }

  /**
   * @param rect Where the thing it belongs to is now, in viewport coordinates; asked again when the page moves.
   */
  show(rect: () => DOMRect | null, place: Place): void {
    this.#rect = rect
    this.#place = place
    this.element.hidden = false
    this.move()
  }

  hide(): void {
    this.#rect = null
    this.element.hidden = true
  }

  /** Take the place again, after scrolling, resizing or a change of content. */
  move(): void {
    const target = this.#rect?.()
    if (!target) return
    const layer = this.#layer.getBoundingClientRect()
    // Scrolled out of sight: what it belongs to is not there to be pointed at.
    const area = this.#area.getBoundingClientRect()
    const ceiling = area.top - layer.top + MARGIN
    const away = target.bottom < area.top || target.top > area.bottom
    this.element.classList.toggle('is-away', away)
    const width = this.element.offsetWidth
    const height = this.element.offsetHeight
    const startsAt = this.#place === 'above' ? target.left + target.width / 2 - width / 2 : target.left
    const left = clamp(startsAt - layer.left, MARGIN, layer.width - width - MARGIN)
    const above = target.top - layer.top - height - GAP
    const below = target.bottom - layer.top + GAP
    const fitsBelow = below + height <= layer.height - MARGIN
    let top = this.#place === 'below-start' ? (fitsBelow || above < ceiling ? below : above) : above
    if (this.#place !== 'below-start' && above < ceiling) {
      // A tall table: its top is out of sight, so the bar stays at the top of what can be seen.
      const tall = target.top < area.top && target.bottom - area.top > height + 3 * GAP
      top = this.#place === 'above-start' && tall ? ceiling : below
    }
    this.element.style.left = `${Math.round(left)}px`
    this.element.style.top = `${Math.round(clamp(top, ceiling, Math.max(ceiling, layer.height - height - MARGIN)))}px`
  }

  destroy(): void {
    this.element.remove()
  }
}

const clamp = (value: number, least: number, most: number) => Math.max(least, Math.min(value, most))

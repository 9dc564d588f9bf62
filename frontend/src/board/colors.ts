/**
 * Colours on the canvas. In dark mode Excalidraw turns the whole canvas over with a CSS filter, cursors included, so a
 * colour that should look the same in both modes must be turned over beforehand.
 */
import type { Theme } from '../contract'

type Rgb = readonly [number, number, number]

/** How much Excalidraw's filter inverts: `invert(93%) hue-rotate(180deg)`. */
const INVERTED = 0.93

/** What to paint on the canvas so that people see `color` (`#rrggbb`), as nearly as the filter allows. */
export function onCanvas(color: string, theme: Theme): string {
  return theme === 'dark' ? toHex(halfTurn(fromHex(color)).map((one) => (INVERTED - one) / (2 * INVERTED - 1))) : color
}

/** What people see in dark mode when `color` was painted. */
export function throughFilter(color: string): string {
  const inverted = fromHex(color).map((one) => INVERTED - (2 * INVERTED - 1) * one)
  return toHex(halfTurn(inverted as unknown as Rgb))
}

/** `hue-rotate(180deg)` as browsers compute it; twice is nothing. */
function halfTurn([red, green, blue]: Rgb): Rgb {
  return [
    -0.574 * red + 1.43 * green + 0.144 * blue,
    0.426 * red + 0.43 * green + 0.144 * blue,
    0.426 * red + 1.43 * green - 0.856 * blue,
  ]
}

function fromHex(color: string): Rgb {
  const number = Number.parseInt(color.slice(1), 16)
  return [(number >> 16) / 255, ((number >> 8) & 255) / 255, (number & 255) / 255]
}

function toHex(color: readonly number[]): string {
  return `#${color.map((one) => Math.round(Math.min(1, Math.max(0, one)) * 255).toString(16).padStart(2, '0')).join('')}`
}

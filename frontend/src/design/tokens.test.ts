import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const css = readFileSync(`${import.meta.dirname}/tokens.css`, 'utf8')

function token(name: string): { light: string; dark: string } {
  const both = new RegExp(`--${name}: light-dark\\((#\\w+), (#\\w+)\\)`).exec(css)
  if (both) return { light: both[1]!, dark: both[2]! }
  const one = new RegExp(`--${name}: (#\\w+);`).exec(css)
  if (!one) throw new Error(`no token --${name}`)
  return { light: one[1]!, dark: one[1]! }
}

function luminance(hex: string): number {
  const [red, green, blue] = [1, 3, 5]
    .map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!
}

function contrast(one: string, other: string): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (high! + 0.05) / (low! + 0.05)
}

const SURFACES = ['sunken', 'bg', 'surface', 'raised']
const TEXT = ['text', 'muted', 'link', 'accent', 'ok', 'warning', 'danger']
const CURSORS = Array.from({ length: 12 }, (_each, index) => `cursor-${index + 1}`)

describe.each(['light', 'dark'] as const)('in the %s theme', (theme) => {
  test.each(TEXT.flatMap((text) => SURFACES.map((surface) => [text, surface])))(
    'text in --%s on --%s can be read (4.5:1)',
    (text, surface) => {
      expect(contrast(token(text!)[theme], token(surface!)[theme])).toBeGreaterThanOrEqual(4.5)
    },
  )

  test.each([
    ['on-accent', 'accent'],
    ['on-accent', 'accent-hover'],
    ['on-danger', 'danger'],
    ...['accent', 'ok', 'warning', 'danger'].map((name) => [`${name}-text`, `${name}-soft`]),
  ])('text in --%s on --%s can be read (4.5:1)', (text, surface) => {
    expect(contrast(token(text!)[theme], token(surface!)[theme])).toBeGreaterThanOrEqual(4.5)
  })

  test.each(['bg', 'surface', 'raised'])('the outline of a control stands out from --%s (3:1)', (surface) => {
    expect(contrast(token('border-strong')[theme], token(surface)[theme])).toBeGreaterThanOrEqual(3)
  })

  test.each(CURSORS)('--%s stands out from the page and carries a white name', (cursor) => {
    expect(contrast(token(cursor)[theme], token('surface')[theme])).toBeGreaterThanOrEqual(3)
    expect(contrast(token(cursor)[theme], '#ffffff')).toBeGreaterThanOrEqual(4.5)
  })
})

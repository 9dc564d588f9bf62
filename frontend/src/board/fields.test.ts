import { describe, expect, it } from 'vitest'
import { fromFields, isOrderKey, safeLink, same, tidy, toFields } from './fields'

const box = { id: 'box', type: 'rectangle', x: 1, y: 2, width: 3, height: 4 }

describe('toFields', () => {
  it('drops everything that is not on the list', () => {
    const fields = toFields({ ...box, customData: { html: '<b>' }, version: 7, updated: 1, boundElements: [], link: 'javascript:alert(1)' })

    expect(fields).toEqual({ type: 'rectangle', x: 1, y: 2, width: 3, height: 4, link: null })
  })

  it('makes one value of position, size and points, to a hundredth of a pixel', () => {
    const fields = toFields({ type: 'freedraw', x: 0.123456, y: 2, width: 3, height: 4, points: [[0, 0], [1.00499, 2.5]], pressures: [0.5, 0.5], simulatePressure: true })

    expect(fields).toEqual({ type: 'freedraw', simulatePressure: true, path: { x: 0.12, y: 2, width: 3, height: 4, points: [[0, 0], [1, 2.5]] } })
  })

  it('keeps the pressure of a real pen', () => {
    const fields = toFields({ type: 'freedraw', x: 0, y: 0, width: 1, height: 1, points: [[0, 0]], pressures: [0.4], simulatePressure: false })

    expect(fields?.['path']).toMatchObject({ pressures: [0.4] })
  })

  it.each(['embeddable', 'iframe', 'magicframe', 'selection', '__proto__', 'constructor', ''])('does not share the kind %j', (type) => {
    expect(toFields({ ...box, type })).toBeNull()
    expect(fromFields('box', { ...box, type })).toBeNull()
  })
})

describe('fromFields', () => {
  it('gives back what toFields took apart', () => {
    const arrow = {
      ...box,
      type: 'arrow',
      points: [[0, 0], [3, 4]],
      startBinding: { elementId: 'other', focus: 0.5, gap: 1, fixedPoint: null },
      endBinding: null,
      startArrowhead: null,
      endArrowhead: 'arrow',
      elbowed: false,
      index: 'a1',
      groupIds: ['one'],
    }

    expect(fromFields('box', toFields(arrow) ?? {})).toEqual(arrow)
  })

  it('believes the map it came from about the id', () => {
    expect(fromFields('box', { ...box, id: 'another' })).toMatchObject({ id: 'box' })
    expect(fromFields('', box)).toBeNull()
    expect(fromFields('x'.repeat(129), box)).toBeNull()
  })
})

describe('what would stop every browser on the page', () => {
  it('keeps out a place in the order that Excalidraw cannot count from', () => {
    expect(fromFields('box', { ...box, index: 'zz' })).toEqual(box)
    expect(fromFields('box', { ...box, index: 'a1' })).toMatchObject({ index: 'a1' })
  })

  it.each([1e7, -1e7, Number.NaN, Number.POSITIVE_INFINITY])('does not draw a shape that is %s wide', (width) => {
    expect(fromFields('box', { ...box, width })).toBeNull()
  })

  it('does not draw a path that leaves by a million pixels', () => {
    const path = { x: 0, y: 0, width: 1, height: 1, points: [[0, 0], [1e6, 0]] }
    expect(fromFields('line', { type: 'line', path })).toBeNull()
  })

  it('fills a shape with lines of ordinary width, and rounds its corners outwards only', () => {
    expect(fromFields('box', { ...box, strokeWidth: 0.01 })).toEqual(box)
    expect(fromFields('box', { ...box, roundness: { type: 3, value: -1e7 } })).toEqual(box)
    expect(fromFields('box', { ...box, roundness: { type: 3 } })).toMatchObject({ roundness: { type: 3 } })
  })
})

it.each([
  ['a0', true],
  ['a1V', true],
  ['Zz', true],
  ['b00', true],
  ['b00V', true],
  [`A${'0'.repeat(25)}1`, true],
  ['', false],
  ['a', false],
  ['9', false],
  ['zz', false],
  ['AA', false],
  ['a00', false],
  ['a1V0', false],
  ['a1-', false],
  [`A${'0'.repeat(26)}`, false],
  [`a1${'V'.repeat(1_000)}`, false],
])('%j is a place in the order: %s', (key, expected) => {
  expect(isOrderKey(key)).toBe(expected)
})

it.each([
  ['https://example.org/', true],
  ['http://example.org', true],
  ['mailto:somebody@example.org', true],
  ['/rooms/1', true],
  ['javascript:alert(1)', false],
  [' java\nscript:alert(1)', false],
  ['data:text/html,hello', false],
  ['vbscript:x', false],
  ['file:///etc/passwd', false],
  [`https://example.org/${'x'.repeat(2_000)}`, false],
])('link %j may be followed: %s', (link, safe) => {
  expect(safeLink(link)).toBe(safe ? link : null)
})

it.each([
  [{ a: [1, { b: null }] }, { a: [1, { b: null }] }, true],
  [{ a: 1 }, { a: 1, b: undefined }, false],
  [[], {}, false],
  [null, {}, false],
  [1, '1', false],
])('%j and %j are the same: %s', (one, other, expected) => {
  expect(same(one, other)).toBe(expected)
})

it('rounds numbers however deep, and nothing else', () => {
  expect(tidy([[1.005, 'x'], null, true, 2])).toEqual([[1, 'x'], null, true, 2])
})

import { expect, it } from 'vitest'
import { withBoundElements } from './bound'

const shape = (id: string, more = {}) => ({ id, type: 'rectangle', isDeleted: false, boundElements: null, ...more })
const arrow = (id: string, from: string | null, to: string | null, more = {}) => ({
  id,
  type: 'arrow',
  isDeleted: false,
  startBinding: from === null ? null : { elementId: from },
  endBinding: to === null ? null : { elementId: to },
  ...more,
})
const label = (id: string, containerId: string | null) => ({ id, type: 'text', isDeleted: false, containerId })

it('lets two people attach an arrow each to one shape', () => {
  const [box] = withBoundElements([shape('box'), arrow('one', 'box', null), arrow('two', null, 'box')])

  expect(box).toMatchObject({ boundElements: [{ id: 'one', type: 'arrow' }, { id: 'two', type: 'arrow' }] })
})

it('notes an arrow from a shape to itself once, and a label with it', () => {
  const [box] = withBoundElements([shape('box'), arrow('loop', 'box', 'box'), label('name', 'box')])

  expect(box).toMatchObject({ boundElements: [{ id: 'loop', type: 'arrow' }, { id: 'name', type: 'text' }] })
})

it('forgets what was detached or deleted', () => {
  const bound = { boundElements: [{ id: 'gone', type: 'arrow' }, { id: 'deleted', type: 'arrow' }] }
  const [box] = withBoundElements([shape('box', bound), arrow('deleted', 'box', null, { isDeleted: true })])

  expect(box).toMatchObject({ boundElements: [] })
})

it('leaves what is right already untouched, to the object', () => {
  const elements = [shape('box', { boundElements: [{ id: 'one', type: 'arrow' }] }), arrow('one', 'box', null), shape('free')]

  withBoundElements(elements).forEach((element, at) => expect(element).toBe(elements[at]))
})

import { expect, test } from 'vitest'
import { isPermissive } from './licences'

test.each(['MIT', 'ISC', '(MIT AND Zlib)', '(MPL-2.0 OR Apache-2.0)', 'CC0-1.0'])('%s may be shipped', (licence) => {
  expect(isPermissive(licence)).toBe(true)
})

test.each(['GPL-3.0', 'AGPL-3.0-only', 'MPL-2.0', 'MIT AND GPL-2.0', 'unknown', 'SEE LICENSE IN x'])(
  '%s stops the build',
  (licence) => {
    expect(isPermissive(licence)).toBe(false)
  },
)

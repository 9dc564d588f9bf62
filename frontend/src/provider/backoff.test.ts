import { expect, test } from 'vitest'
import { backoffMs } from './backoff'

test('the first retry comes soon, later ones double up to half a minute', () => {
  expect([1, 2, 3, 4].map((attempt) => backoffMs(attempt, 1))).toEqual([400, 800, 1_600, 3_200])
  expect(backoffMs(50, 1)).toBe(30_000)
})

test('waits are spread over half their length, so that a class does not come back at once', () => {
  expect(backoffMs(3, 0)).toBe(800)
  expect(backoffMs(3, 0.5)).toBe(1_200)
})

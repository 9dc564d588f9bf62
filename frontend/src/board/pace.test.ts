import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Pace } from './pace'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

it('runs at once, then at most once in each interval, and once after the last call', () => {
  const job = vi.fn()
  const pace = new Pace(job, () => 50, Date.now)

  pace.soon()
  expect(job).toHaveBeenCalledTimes(1)
  for (let at = 0; at < 10; at += 1) {
    pace.soon()
    vi.advanceTimersByTime(10)
  }
  vi.advanceTimersByTime(100)

  expect(job).toHaveBeenCalledTimes(3)
})

it('waits longer after a run that took long', () => {
  const job = vi.fn(() => vi.setSystemTime(Date.now() + 100))
  const pace = new Pace(job, (cost) => 4 * cost, Date.now)

  pace.soon()
  pace.soon()
  vi.advanceTimersByTime(290)
  expect(job).toHaveBeenCalledTimes(1)
  vi.advanceTimersByTime(110)

  expect(job).toHaveBeenCalledTimes(2)
})

it('runs now instead of later, and not at all once it was stopped', () => {
  const job = vi.fn()
  const pace = new Pace(job, () => 50, Date.now)

  pace.soon()
  pace.soon()
  pace.run()
  vi.advanceTimersByTime(40)
  expect(job).toHaveBeenCalledTimes(2)
  pace.soon()
  pace.stop()
  vi.advanceTimersByTime(100)

  expect(job).toHaveBeenCalledTimes(2)
})

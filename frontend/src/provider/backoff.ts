/** When to try again: doubling from a fifth of a second to half a minute, spread so that not everybody comes at once. */

const FIRST_MS = 400
const LONGEST_MS = 30_000

/**
 * Args:
 *     attempt: How many connections in a row did not get as far as the page's content, from 1.
 *     random: A number in [0, 1).
 *
 * Returns:
 *     Milliseconds to wait: between half and all of the step's length.
 */
export function backoffMs(attempt: number, random: number): number {
  const step = Math.min(FIRST_MS * 2 ** Math.min(attempt - 1, 20), LONGEST_MS)
  return Math.round(step * (0.5 + random / 2))
}

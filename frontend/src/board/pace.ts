/** Runs one job now and then: at once when the last run is long enough ago, otherwise as soon as it is. */
export class Pace {
  private last = -Infinity
  private timer: ReturnType<typeof setTimeout> | undefined

  /**
   * Args:
   *     intervalMs: Time between two beginnings, asked anew each time. `cost` is how long the last run took, in ms.
   */
  constructor(
    private readonly job: () => void,
    private readonly intervalMs: (cost: number) => number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  private cost = 0

  /** Run when the time has come. Calls in between are the same run. */
  soon(): void {
    if (this.timer !== undefined) return
    const wait = this.last + this.intervalMs(this.cost) - this.now()
    if (wait <= 0) this.run()
    else this.timer = setTimeout(() => this.run(), wait)
  }

  /** Run now, instead of a run that was waiting. */
  run(): void {
    this.stop()
    this.last = this.now()
    this.job()
    this.cost = this.now() - this.last
  }

  stop(): void {
    clearTimeout(this.timer)
    this.timer = undefined
  }
}

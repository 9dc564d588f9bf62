/** The copy of the page that this device keeps, as far as the connection is concerned. */
export interface PageCopy {
  /** Resolves when what is on the device is in the document, or nothing can be had from it. */
  readonly loaded: Promise<void>
  /** Whether it once held everything the server had. */
  readonly complete: boolean
  /** Whether it came with changes that the server never confirmed. */
  readonly leftUnsaved: boolean
  /** Whether what is in the document survives this tab. */
  readonly keeps: boolean
  isSource(origin: unknown): boolean
  completed(): Promise<void>
  markUnsaved(): void
  markSaved(): void
  on(event: 'change', listener: () => void): unknown
  off(event: 'change', listener: () => void): unknown
}

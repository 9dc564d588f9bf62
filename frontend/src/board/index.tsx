/**
 * The board: mounts Excalidraw into a page's container. React lives behind this entry and nowhere else.
 *
 * For tests the container carries `__board`: what `BoardHandle` names: Excalidraw's imperative API, our binding, the Y.Doc.
 */
import { createRoot } from 'react-dom/client'
import type { MountPage, Theme } from '../contract'
import { type BoardHandle, BoardView } from './BoardView'
import { boardStrings } from './strings'

export const mount: MountPage = async (context) => {
  const { container } = context
  container.classList.add('board')
  container.setAttribute('role', 'region')
  container.setAttribute('aria-label', boardStrings(context.language).board)
  const root = createRoot(container)
  let readOnly = context.readOnly
  let theme: Theme = context.theme
  let ready: (handle: BoardHandle) => void = () => {}
  const handle = new Promise<BoardHandle>((resolve) => (ready = resolve))
  const render = () => root.render(<BoardView context={context} readOnly={readOnly} theme={theme} ready={ready} />)
  render()
  Object.defineProperty(container, '__board', { value: await handle, configurable: true })

  return {
    setReadOnly(next) {
      readOnly = next
      render()
    },
    setTheme(next) {
      theme = next
      render()
    },
    focus: () => container.querySelector<HTMLElement>('.excalidraw')?.focus(),
    destroy: () => root.unmount(),
  }
}

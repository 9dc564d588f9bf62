/** Where Excalidraw finds its fonts: on this host. Must be imported before Excalidraw, which reads it when it loads. */
declare global {
  interface Window {
    EXCALIDRAW_ASSET_PATH?: string
  }
}

const base = document.querySelector<HTMLMetaElement>('meta[name="collab-static"]')?.content ?? '/static/collab/'
window.EXCALIDRAW_ASSET_PATH = new URL(base, location.href).href

export {}

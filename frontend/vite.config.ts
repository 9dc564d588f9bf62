import { fileURLToPath } from 'node:url'
import { existsSync } from 'node:fs'
import react from '@vitejs/plugin-react'
import type { PluginOption } from 'vite'
import { defineConfig } from 'vitest/config'
import { guard } from './plugins/guard'
import { licences } from './plugins/licences'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const inPackage = (...names: string[]) => new RegExp(`[\\\\/]node_modules[\\\\/](?:${names.join('|')})[\\\\/]`)

/** Until the board is there, the rest builds without its plugin. */
const board: PluginOption[] = existsSync(here('plugins/excalidraw.ts'))
  ? [import('./plugins/excalidraw' as string).then((module) => module.excalidraw())]
  : []

export default defineConfig({
  // Relative: the files find each other under whatever STATIC_URL the project has.
  base: './',
  publicDir: false,
  plugins: [
    ...board,
    react(),
    licences(here('notices')),
    guard({
      classic: ['theme'],
      without: {
        'src/room/main.ts': ['react', 'excalidraw', 'prosemirror', 'highlight'],
        'src/document/index.ts': ['react', 'excalidraw'],
        'src/board/index.tsx': ['prosemirror', 'highlight'],
      },
    }),
  ],
  build: {
    outDir: here('../collab/static/collab'),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    manifest: 'manifest.json',
    // The polyfill would be an inline script; every browser that runs the rest has the feature.
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1600,
    rolldownOptions: {
      input: {
        room: here('src/room/main.ts'),
        theme: here('src/room/theme.ts'),
        base: here('src/design/base.css'),
      },
      output: {
        entryFileNames: 'assets/[name]-[hash].js',
        chunkFileNames: 'assets/[name]-[hash].js',
        assetFileNames: 'assets/[name]-[hash][extname]',
        // Vendor code changes less often than ours: a change of ours touches few and small files.
        codeSplitting: {
          includeDependenciesRecursively: false,
          groups: [
            { name: 'react', test: inPackage('react', 'react-dom', 'scheduler'), priority: 40 },
            { name: 'yjs', test: inPackage('yjs', 'lib0', 'y-protocols', 'y-websocket'), priority: 40 },
            { name: 'highlight', test: inPackage('lowlight', 'highlight\\.js', 'devlop'), priority: 30 },
            {
              name: 'prosemirror',
              test: inPackage('@tiptap', 'prosemirror-[a-z-]+', 'orderedmap', 'rope-sequence', 'w3c-keyname', 'linkifyjs'),
              priority: 30,
            },
          ],
        },
      },
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}', 'plugins/**/*.test.ts'],
  },
})

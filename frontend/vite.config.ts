import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'
import { excalidraw } from './plugins/excalidraw.ts'
import { guard } from './plugins/guard.ts'
import { licences } from './plugins/licences.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const inPackage = (...names: string[]) => new RegExp(`[\\\\/]node_modules[\\\\/](?:${names.join('|')})[\\\\/]`)

const isForExcalidraw = (id: string): boolean =>
  id.includes('excalidraw-stub:') ||
  (id.includes('/node_modules/') && !/\/node_modules\/(?:lucide-static|vite)\/|\/locales\//.test(id))

export default defineConfig({
  // Relative: the files find each other under whatever STATIC_URL the project has.
  base: './',
  publicDir: here('public'),
  plugins: [
    react(),
    ...excalidraw(),
    licences([here('node_modules/lucide-static')]),
    guard({
      classic: ['theme'],
      without: {
        'src/room/main.ts': ['react', 'excalidraw', 'prosemirror', 'highlight'],
        'src/document/index.ts': ['room', 'react', 'excalidraw', 'highlight'],
        'src/account/sign-out.ts': ['room', 'yjs', 'react', 'excalidraw', 'prosemirror', 'highlight'],
        'src/board/index.tsx': ['room', 'prosemirror', 'highlight'],
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
        'sign-out': here('src/account/sign-out.ts'),
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
            // Used by the room and the pages alike: in a chunk of its own, or every change of the room would rename theirs.
            { name: 'shared', test: /[\\/]src[\\/](?:i18n[\\/]|contract\.ts|board[\\/]fields\.ts|device[\\/]list\.ts|document[\\/]attributes\.ts)|vite\/preload-helper/, priority: 50 },
            { name: 'icons', test: inPackage('lucide-static'), priority: 50 },
            { name: 'react', test: inPackage('react', 'react-dom', 'scheduler'), priority: 40 },
            { name: 'yjs', test: inPackage('yjs', 'lib0', 'y-protocols', 'y-websocket', 'y-indexeddb'), priority: 40 },
            { name: 'floating', test: inPackage('@floating-ui/(?:core|dom|utils)'), priority: 40 },
            { name: 'highlight', test: inPackage('lowlight', 'highlight\\.js', 'devlop'), priority: 30 },
            {
              name: 'prosemirror',
              test: inPackage('@tiptap', 'prosemirror-[a-z-]+', 'orderedmap', 'rope-sequence', 'w3c-keyname', 'linkifyjs'),
              priority: 30,
            },
            // What is left of the packages is there for Excalidraw; its languages stay apart, one is loaded.
            { name: 'excalidraw', test: isForExcalidraw, priority: 10 },
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

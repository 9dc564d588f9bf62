/**
 * Cuts Excalidraw down to what the board uses, and keeps it on this host.
 *
 * The npm package brings 54 languages, mermaid, a WebAssembly font subsetter and image resizer, 12 MiB of one Chinese
 * font and a content delivery network as a fallback. A strict content security policy forbids some of these, the board
 * needs none of them. Every patch below must match exactly once: when a new Excalidraw release changes the text it
 * was made for, the build stops and names the patch, instead of quietly shipping what was meant to be gone.
 *
 * Knows the minified text of @excalidraw/excalidraw 0.18.1 and nothing about our own code.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

const here = dirname(fileURLToPath(import.meta.url))

/** Languages of our interface; the other locale files become one empty module. */
const LOCALES = /\/locales\/(en|zh-CN|percentages)-[A-Z0-9]+\.js$/

/**
 * Families people can choose, with a licence that lets us pass them on (font-licences.txt). Not among them: Xiaolai,
 * for its size, and Liberation Sans, which Excalidraw uses for rendering on servers only and which comes in a release
 * under the GPL.
 */
const FONTS = ['Cascadia', 'ComicShanns', 'Excalifont', 'Lilita', 'Nunito', 'Virgil']

interface Patch {
  /** What the reader of a failed build is told. */
  name: string
  find: RegExp
  replace: string
}

const PATCHES: readonly Patch[] = [
  {
    name: 'no content delivery network behind our own fonts',
    find: /return (\w+)\.push\(new URL\(\w+,\w+\.ASSETS_FALLBACK_URL\)\),\1\}/,
    replace: 'return $1}',
  },
  {
    name: 'no address of a content delivery network',
    find: /"ASSETS_FALLBACK_URL",`https:\/\/esm\.sh\/.{0,120}?\/dist\/prod\/`\)/,
    replace: '"ASSETS_FALLBACK_URL","")',
  },
  {
    name: 'Chinese handwriting comes from the system, not from 12 MiB of Xiaolai',
    find: /,(\w+)\((\w+),\.\.\.\w+\),\1\((\w+),\.\.\.(\w+)\),(\w+)\._initialized=!0/,
    replace: ',$1($2),$1($3,...$4),$5._initialized=!0',
  },
  {
    name: 'Liberation Sans is not registered',
    find: /,\w+\("Liberation Sans",\.\.\.\w+\)/,
    replace: '',
  },
  {
    name: 'no worker for subsetting fonts',
    find: /var (\w+)=typeof Worker<"u",(\w+=async\(\w+,\w+\)=>\{let\{Commands:)/,
    replace: 'var $1=!1,$2',
  },
  {
    name: 'an image dragged from another site is not fetched from there',
    find: /let (\w+);try\{\1=await fetch\((\w+)\)\}catch\{throw new Error\("Error: failed to fetch image"/,
    replace:
      'let $1;try{if(new URL($2,location.href).origin!==location.origin)throw 0;$1=await fetch($2)}' +
      'catch{throw new Error("Error: failed to fetch image"',
  },
  {
    name: 'cursors and selections have the colour of their person',
    find: /(\w+)=\((\w+),(\w+)\)=>`hsl\(\$\{/,
    replace: '$1=($2,$3)=>$3?.color?.background||`hsl(${',
  },
  {
    name: 'names beside cursors are written in the colour that can be read on theirs',
    find: /(,(\w+)=\w+\.collaborators\.get\(\w+\);.{0,2600}?\.fillStyle=)(\w+)(,\w+\.fillText\()/,
    replace: '$1$2?.color?.stroke||$3$4',
  },
  {
    name: 'the button of the menu has a name',
    find: /\(\{children:(\w+),onSelect:(\w+)\}\)(=>\{let\{MainMenuTunnel:.{0,400}?)"data-testid":"main-menu-trigger"/,
    replace: '({children:$1,onSelect:$2,label:menuLabel})$3title:menuLabel,"aria-label":menuLabel,"data-testid":"main-menu-trigger"',
  },
  {
    name: 'no web embeds in the tool menu',
    find: /,\w+\(\w+\.Item,\{onSelect:\(\)=>\w+\.setActiveTool\(\{type:"embeddable"\}\),icon:\w+,"data-testid":"toolbar-embeddable",selected:\w+,children:\w+\("toolBar\.embeddable"\)\}\)/,
    replace: '',
  },
  {
    name: 'no mermaid in the tool menu',
    find: /,\w+\("div",\{style:\{margin:"6px 0",fontSize:14,fontWeight:600\},children:"Generate"\}\)(,\w+\.props\.aiEnabled!==!1&&\w+\(\w+\.Out,\{\}\)),\w+\(\w+\.Item,\{onSelect:\(\)=>\w+\.setOpenDialog\(\{name:"ttd",tab:"mermaid"\}\),icon:\w+,"data-testid":"toolbar-embeddable",children:\w+\("toolBar\.mermaidToExcalidraw"\)\}\)/,
    replace: '$1',
  },
]

/** Modules that are replaced as a whole, by what follows the last slash or the package name. */
const STUBS: Readonly<Record<string, string>> = {
  '@excalidraw/mermaid-to-excalidraw':
    'export const parseMermaidToExcalidraw = () => Promise.reject(new Error("Mermaid is not part of this board"))',

  // Whole font files are small (Excalifont: 7 files, 84 KiB), so an exported SVG can carry them unsubsetted.
  'subset-shared.chunk.js': `
    export const Commands = { Subset: 'SUBSET' }
    export const subsetToBinary = async (buffer) => buffer
    export const toBase64 = async (buffer) => {
      const bytes = new Uint8Array(buffer)
      let text = ''
      for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
      return 'data:font/woff2;base64,' + btoa(text)
    }
    export const subsetToBase64 = toBase64`,
  'subset-worker.chunk.js': 'export const WorkerUrl = undefined',

  // pica resizes in WebAssembly, which the content security policy forbids; browsers resize well by themselves.
  pica: 'export default () => ({ toBlob: (canvas, type, quality) => new Promise((done) => canvas.toBlob(done, type, quality)) })',
  'image-blob-reduce': `
    export default ({ pica }) => ({
      pica,
      async _create_blob(env) {
        env.out_blob = await pica.toBlob(env.out_canvas, env.blob.type === 'image/gif' ? 'image/png' : env.blob.type, 0.92)
        return env
      },
      async toBlob(blob, { max }) {
        const bitmap = await createImageBitmap(blob)
        const scale = max / Math.max(bitmap.width, bitmap.height)
        if (scale >= 1) return bitmap.close(), blob
        const canvas = document.createElement('canvas')
        canvas.width = Math.max(1, Math.round(bitmap.width * scale))
        canvas.height = Math.max(1, Math.round(bitmap.height * scale))
        const pen = canvas.getContext('2d')
        pen.imageSmoothingQuality = 'high'
        pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
        bitmap.close()
        const env = await this._create_blob({ blob, out_canvas: canvas })
        if (!env.out_blob) throw new Error('The image could not be made smaller')
        return env.out_blob
      },
    })`,
}

const STUB_PREFIX = '\0excalidraw-stub:'
const EMPTY_LOCALE = `${STUB_PREFIX}locale`
const PACKAGE = '/@excalidraw/excalidraw/dist/'

/** Vite plugins for a build that contains `src/board`. Order among other plugins does not matter. */
export function excalidraw(): Plugin[] {
  return [prune(), fonts()]
}

function prune(): Plugin {
  const matches = new Map<string, number>()
  let sawExcalidraw = false

  return {
    name: 'board:prune-excalidraw',
    enforce: 'pre',

    config: () => ({
      // Vitest: Excalidraw imports files without extension, which only a bundler resolves.
      test: { server: { deps: { inline: [/@excalidraw\/excalidraw/] } } },
    }),

    buildStart() {
      matches.clear()
      sawExcalidraw = false
    },

    resolveId(source, importer) {
      if (!importer?.includes(PACKAGE)) return null
      const name = source.startsWith('.') ? basename(source) : source
      if (Object.hasOwn(STUBS, name)) return STUB_PREFIX + name
      if (source.includes('/locales/') && !LOCALES.test(source)) return EMPTY_LOCALE
      return null
    },

    load(id) {
      if (id === EMPTY_LOCALE) return 'export default {}'
      return id.startsWith(STUB_PREFIX) ? STUBS[id.slice(STUB_PREFIX.length)] : null
    },

    transform(code, id) {
      if (!id.includes(`${PACKAGE}prod/`) || !id.endsWith('.js')) return null
      sawExcalidraw = true
      let result = code
      for (const { name, find, replace } of PATCHES) {
        if (!find.test(result)) continue
        matches.set(name, (matches.get(name) ?? 0) + 1)
        result = result.replace(find, replace)
      }
      return result === code ? null : { code: result, map: null }
    },

    buildEnd(error) {
      if (error || !sawExcalidraw) return
      const missing = PATCHES.filter(({ name }) => matches.get(name) !== 1).map(({ name }) => name)
      if (missing.length) this.error(`Excalidraw has changed; adapt these patches: ${missing.join('; ')}`)
    },
  }
}

/** Copies font files to `fonts/` of the build, where Excalidraw looks for them, with their licences beside them. */
function fonts(): Plugin {
  return {
    name: 'board:fonts',
    apply: 'build',
    generateBundle() {
      const source = join(dirname(createRequire(import.meta.url).resolve('@excalidraw/excalidraw')), 'fonts')
      for (const family of FONTS) {
        for (const file of readdirSync(join(source, family))) {
          if (!file.endsWith('.woff2')) continue
          const fileName = `fonts/${family}/${file}`
          this.emitFile({ type: 'asset', fileName, source: readFileSync(join(source, family, file)) })
        }
      }
      const notice = readFileSync(join(here, 'font-licences.txt'))
      this.emitFile({ type: 'asset', fileName: 'fonts/NOTICE.txt', source: notice })
    },
  }
}

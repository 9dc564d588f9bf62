/**
 * Writes NOTICE.txt beside the built files: every npm package whose code ended up in them, with its licence text.
 *
 * A package whose licence is not on the list below stops the build: what we ship stays permissive.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import type { Plugin } from 'vite'

const PERMISSIVE = new Set([
  '0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'CC0-1.0', 'ISC', 'MIT', 'MIT-0', 'Unlicense', 'Zlib',
])

/** Packages that name their licence only in a file. */
const LICENCE_IN_FILE: Record<string, string> = { fuzzy: 'MIT', khroma: 'MIT' }

/** What the MIT licence says; for packages under it that come without a file of their own. */
const MIT_TEXT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`

interface Shipped {
  name: string
  version: string
  licence: string
  text: string
}

/** Whether an SPDX expression leaves us a permissive choice. */
export function isPermissive(expression: string): boolean {
  const inner = expression.trim().replace(/^\((.*)\)$/, '$1')
  if (inner.includes(' OR ')) return inner.split(' OR ').some(isPermissive)
  return inner.split(' AND ').every((licence) => PERMISSIVE.has(licence.trim()))
}

/** The folder of the package a module belongs to, or undefined for a module of ours. */
function packageFolder(moduleId: string): string | undefined {
  const path = moduleId.replace(/^\0/, '').split('?')[0] ?? ''
  const marker = `${sep}node_modules${sep}`
  const at = path.lastIndexOf(marker)
  if (at < 0) return undefined
  const parts = path.slice(at + marker.length).split(sep)
  const depth = parts[0]?.startsWith('@') ? 2 : 1
  return join(path.slice(0, at + marker.length), ...parts.slice(0, depth))
}

function describe(folder: string): Shipped {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    name: string
    version: string
    license?: string
    author?: string | { name?: string }
    repository?: string | { url?: string }
  }
  const file = readdirSync(folder).sort().find((name) => /^licen[cs]e(\.|$|-mit)/i.test(name))
  const licence = manifest.license ?? LICENCE_IN_FILE[manifest.name] ?? 'unknown'
  const author = typeof manifest.author === 'string' ? manifest.author : manifest.author?.name
  const home = typeof manifest.repository === 'string' ? manifest.repository : manifest.repository?.url
  const holder = `Copyright (c) ${author || `the authors of ${manifest.name}`}${home ? ` (${home})` : ''}`
  return {
    name: manifest.name,
    version: manifest.version,
    licence,
    text: file
      ? readFileSync(join(folder, file), 'utf8').replace(/\r\n?/g, '\n').trim()
      : licence === 'MIT'
        ? `${holder}\n\n${MIT_TEXT}`
        : holder,
  }
}

/**
 * Args:
 *     asText: Folders of packages whose files are imported as text, so that no module of their own is left behind.
 */
export function licences(asText: string[]): Plugin {
  return {
    name: 'collab:licences',
    apply: 'build',
    generateBundle(_options, bundle) {
      const folders = new Set<string>()
      for (const output of Object.values(bundle)) {
        const ids = output.type === 'chunk' ? Object.keys(output.modules) : output.originalFileNames
        for (const id of ids) {
          const folder = packageFolder(id)
          if (folder && existsSync(join(folder, 'package.json'))) folders.add(folder)
        }
      }
      for (const folder of asText) folders.add(folder)
      const byName = new Map([...folders].map(describe).map((each) => [`${each.name} ${each.version}`, each]))
      const shipped = [...byName.keys()].sort().map((name) => byName.get(name)!)
      const refused = shipped.filter((each) => !isPermissive(each.licence))
      if (refused.length > 0) {
        this.error(`Not a permissive licence: ${refused.map((each) => `${each.name} (${each.licence})`).join(', ')}`)
      }
      const rule = '-'.repeat(80)
      const sections = shipped.map(
        (each) => `${rule}\n${each.name} ${each.version} - ${each.licence}\n\n${each.text}`,
      )
      this.emitFile({
        type: 'asset',
        fileName: 'NOTICE.txt',
        source: `The files in this folder contain code of the packages below, under their licences.\nFonts: see fonts/NOTICE.txt.\n\n${sections.join('\n\n')}\n`,
      })
    },
  }
}

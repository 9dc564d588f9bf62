/**
 * Stops a build that breaks a promise about what a page loads.
 *
 * - A classic script has neither import nor export: it runs before the first paint.
 * - An entry's static imports never reach the code of a page kind it does not show.
 * - No chunk builds code from strings or writes a script or style into the page: the content security policy refuses it.
 */
import type { Plugin } from 'vite'

export interface Promises {
  /** Entry names that are loaded as classic scripts. */
  classic: string[]
  /** Module (end of its path) -> chunk names that loading it must not bring along. */
  without: Record<string, string[]>
}

export function guard(promises: Promises): Plugin {
  return {
    name: 'collab:guard',
    apply: 'build',
    generateBundle(_options, bundle) {
      const chunks = Object.values(bundle).filter((output) => output.type === 'chunk')
      const byFile = new Map(chunks.map((chunk) => [chunk.fileName, chunk]))
      const reach = (fileName: string, seen = new Set<string>()): Set<string> => {
        if (seen.has(fileName)) return seen
        seen.add(fileName)
        for (const next of byFile.get(fileName)?.imports ?? []) reach(next, seen)
        return seen
      }
      for (const chunk of chunks) {
        if (promises.classic.includes(chunk.name) && (chunk.imports.length > 0 || /\b(import|export)\b\s*[{*'"]/.test(chunk.code))) {
          this.error(`${chunk.fileName} must stay a classic script: no import, no export`)
        }
        const facade = chunk.facadeModuleId ?? ''
        for (const [ending, forbidden] of Object.entries(promises.without)) {
          if (!facade.endsWith(ending)) continue
          const names = [...reach(chunk.fileName)].map((fileName) => byFile.get(fileName)?.name ?? fileName)
          const broken = names.filter((name) => forbidden.includes(name))
          if (broken.length > 0) this.error(`${ending} must not load ${broken.join(', ')}`)
        }
      }
    },
  }
}

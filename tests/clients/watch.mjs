// Leaves stock clients of one version to themselves and reports, at the end, what each has been through.
// node watch.mjs '{"version": 3, "server": "ws://...", "watches": [{"name", "page", "params", "seconds", ...}]}'
import { Y, WebSocket, providerOf, reportingSocket, troubles } from './packages.mjs'

const { version, server, watches } = JSON.parse(process.argv[2])

/** One client; it is online for `seconds` from its first connection on, because starting may take a while. */
const watch = ({ name, page, params, seconds, origin, paste_characters, silent }) =>
  new Promise((resolve) => {
    const doc = new Y.Doc()
    const seen = { name, connections: 0, statuses: [], closes: [] }
    const WebSocketPolyfill = reportingSocket({
      origin,
      onConnect: () => {
        seen.connections++
        if (seen.connections === 1) setTimeout(finish, seconds * 1000)
      },
    })
    const Provider = providerOf(version)
    const provider = new Provider(`${server}/ws/pages`, page, doc, { params, WebSocketPolyfill, connect: false })
    const finish = () => {
      const closed = provider.ws === null || provider.ws.readyState !== WebSocket.OPEN
      resolve({ ...seen, statuses: [...seen.statuses], closes: [...seen.closes], closed })
      provider.destroy()
    }
    provider.on('status', ({ status }) => seen.statuses.push(status))
    provider.on('connection-close', (event) => event && seen.closes.push([event.code, String(event.reason)]))
    if (paste_characters) {
      provider.once('synced', () => doc.getText('text').insert(0, 'x'.repeat(paste_characters)))
    }
    if (silent) provider.awareness.setLocalState(null)
    provider.connect()
  })

const reports = await Promise.all(watches.map(watch))
process.stdout.write(JSON.stringify({ reports, troubles }))
process.exit()

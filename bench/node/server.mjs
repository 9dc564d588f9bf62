// The other server: Hocuspocus as its documentation sets it up, with its SQLite extension and a token to check.
import { Server } from '@hocuspocus/server'
import { SQLite } from '@hocuspocus/extension-sqlite'

const { BENCH_PORT, BENCH_DATABASE, BENCH_TOKEN } = process.env

const server = new Server({
  address: '127.0.0.1',
  port: Number(BENCH_PORT),
  quiet: true,
  extensions: [new SQLite({ database: BENCH_DATABASE })],
  async onAuthenticate({ token }) {
    if (token !== BENCH_TOKEN) throw new Error('not allowed')
  },
})

await server.listen()
console.log('ready')

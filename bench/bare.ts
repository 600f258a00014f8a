import Fastify from 'fastify'

/** The least a Fastify route can do: what every route of ours is measured against. */
const app = Fastify({ logger: false })
app.get('/', () => ({ ok: true }))
app.post('/', () => ({ ok: true }))
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT']) })
process.stdout.write('{"event":"ready"}\n')

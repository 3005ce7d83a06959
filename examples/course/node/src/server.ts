// The web service: node dist/server.js DATABASE_URL [PORT]. It answers what the rules decided, and
// tells every open page what has changed.
import { readFile } from 'node:fs/promises';

import { FactstrPostgresStore, FactstrError } from '@factstr/factstr-node';
import Fastify from 'fastify';

import * as courses from './courses.js';
import { PlacesView } from './places.js';

const [url = '', port = '3001'] = process.argv.slice(2);
const store = await FactstrPostgresStore.open<courses.CourseEvents>(url, { schema: 'courses' });
const view = new PlacesView();
await view.follow(store);
const page = await readFile(new URL('../../page/index.html', import.meta.url));

const server = Fastify({ forceCloseConnections: true });

server.get('/', (_, reply) => reply.type('text/html').send(page));

server.get('/courses', () => view.all());

const name = { type: 'string', minLength: 1, maxLength: 100 };
server.post<{ Body: courses.Course }>(
  '/courses',
  {
    schema: {
      body: {
        type: 'object',
        required: ['course', 'title', 'places'],
        additionalProperties: false,
        properties: { course: name, title: name, places: { type: 'integer', minimum: 1 } },
      },
    },
  },
  async ({ body }, reply) => {
    const answer = await courses.open(store, body);
    const status = { opened: 201, 'is open': 200, 'is another course': 409 }[answer];
    return reply.code(status).send({ answer });
  },
);

server.post<{ Params: { course: string }; Body: { student: string } }>(
  '/courses/:course/enrolments',
  {
    schema: {
      body: { type: 'object', required: ['student'], properties: { student: name } },
    },
  },
  async ({ params, body }, reply) => {
    const answer = await courses.enrol(store, params.course, body.student);
    const status = { enrolled: 201, 'was enrolled': 200, full: 409, 'no such course': 404 }[answer];
    return reply.code(status).send({ answer });
  },
);

// Server-sent events: the page gets all courses first, and then each change.
server.get('/changes', (request, reply) => {
  reply.hijack();
  reply.raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const send = (changed: unknown) => void reply.raw.write(`data: ${JSON.stringify(changed)}\n\n`);
  send(view.all());
  request.raw.once('close', view.watch(send));
});

// What the store could not do for the moment has written nothing: the client may try again.
const AGAIN = ['ConditionalAppendConflict', 'Busy', 'Timeout', 'BackendFailure'];
server.setErrorHandler((error, _, reply) => {
  if (error instanceof FactstrError && AGAIN.includes(error.code)) {
    return reply.code(503).header('retry-after', '1').send({ answer: error.message });
  }
  return reply.send(error);
});

async function end(): Promise<void> {
  await server.close();
  await view.end();
  store.close();
}
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void end());

console.log(await server.listen({ port: Number(port), host: '127.0.0.1' }));

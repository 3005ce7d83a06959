// Carries bytes between its clients and the target, counts the connections, and is told to cut
// them, to turn everybody away, to let them in again, and to carry no answer.
const net = require('node:net');
const { parentPort, workerData } = require('node:worker_threads');

const { target, count } = workerData;
const clients = new Set();
let up = true;

const server = net.createServer((client) => {
  if (!up) {
    client.destroy();
    return;
  }
  const upstream = net.connect(target);
  clients.add(client);
  Atomics.add(count, 0, 1);
  client.on('close', () => {
    clients.delete(client);
    Atomics.sub(count, 0, 1);
    upstream.destroy();
  });
  upstream.on('close', () => client.destroy());
  for (const socket of [client, upstream]) {
    socket.setNoDelay(true);
    socket.on('error', () => {}); // 'close' follows
  }
  client.pipe(upstream).pipe(client);
  client.silence = () => upstream.unpipe(client).pause();
});

server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));

parentPort.on('message', async (order) => {
  if (order === 'silent') {
    clients.forEach((client) => client.silence());
    parentPort.postMessage(order);
    return;
  }
  up = order !== 'down';
  if (order !== 'up') {
    await Promise.all(
      [...clients].map((client) => {
        const closed = new Promise((resolve) => client.once('close', resolve));
        client.destroy();
        return closed;
      }),
    );
  }
  parentPort.postMessage(order);
});

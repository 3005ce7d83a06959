// Speaks just enough of PostgreSQL's protocol to ask for a password and to refuse whatever it gets.
const net = require('node:net');
const { parentPort } = require('node:worker_threads');

const ENCRYPTION_REQUESTS = [80877103, 80877104];

function message(type, body) {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const askForPassword = message('R', Buffer.from([0, 0, 0, 3]));
const refusal = message(
  'E',
  Buffer.from('SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "clerk"\0\0'),
);

const server = net.createServer((client) => {
  client.on('error', () => {});
  client.on('data', (data) => {
    if (data[0] === 'p'.charCodeAt(0)) {
      client.end(refusal);
    } else if (ENCRYPTION_REQUESTS.includes(data.readInt32BE(4))) {
      client.write('N');
    } else {
      client.write(askForPassword);
    }
  });
});

server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));

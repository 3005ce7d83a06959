import { once } from 'node:events';
import { createRequire } from 'node:module';
import net from 'node:net';

const { serverOf, withAddress } = createRequire(import.meta.url)(
  '../../../bindings/node/test/server_address.js',
);

/**
 * A relay to the PostgreSQL server of `url`, which calls `kill` in place of passing on the message
 * with the ordinal `step`. Messages of both directions count, from the client's first query on: of
 * those that the server sends, one that is not passed on is the answer to a statement that ran.
 */
export async function killingRelay(url, step, kill) {
  let messages = 0;
  const relay = net.createServer((client) => {
    const server = net.connect(serverOf(url));
    // A handshake has neither a Query nor a Parse.
    const isQuery = (data) => 'QP'.includes(String.fromCharCode(data[0]));
    const pass = (from, to) => {
      from.on('error', () => {}); // 'close' follows
      from.on('close', () => to.destroy());
      from.on('data', (data) => {
        if (messages > 0 || (from === client && isQuery(data))) messages += 1;
        if (messages === step) kill();
        else if (messages < step) to.write(data);
      });
    };
    pass(client, server);
    pass(server, client);
  });
  await once(relay.listen(0, '127.0.0.1'), 'listening');
  return {
    url: withAddress(url, '127.0.0.1', relay.address().port),
    close: () => relay.close(),
  };
}

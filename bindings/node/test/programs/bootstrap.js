// Waits for a line, so that several of these begin together, creates the database and appends to
// it.
const { FactstrPostgresStore } = require('../../lib/index.js');

process.stdin.once('data', () => {
  const store = FactstrPostgresStore.bootstrap({
    serverUrl: process.env.DATABASE_URL,
    databaseName: process.argv[2],
  });
  console.log(store.append([{ event_type: 'a', payload: 1 }]).first_sequence_number);
  store.close();
});
console.log('ready');

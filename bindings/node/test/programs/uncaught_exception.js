// An uncaught exception ends the process with code 1, whatever is open.
const { FactstrSqliteStore } = require('../../lib/index.js');

const store = new FactstrSqliteStore(process.argv[2]);
store.streamAll(() => {});
store.streamAllDurable({ name: 'model' }, () => {});
store.appendAsync([{ event_type: 'a', payload: 1 }]);
throw new Error('on purpose');

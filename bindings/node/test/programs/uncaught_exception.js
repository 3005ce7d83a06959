// An uncaught exception ends the process with code 1, whatever is open.
const { openPlace } = require('../open_place.js');

const store = openPlace(JSON.parse(process.argv[2]));
store.streamAll(() => {});
store.streamAllDurable({ name: 'model' }, () => {});
store.appendAsync([{ event_type: 'a', payload: 1 }]);
throw new Error('on purpose');

// A registration that is refused is the caller's promise: it rejects like any other and is theirs
// to look at.
const { FactstrMemoryStore } = require('../../lib/index.js');

new FactstrMemoryStore().streamAllDurable({ name: '' }, () => {});

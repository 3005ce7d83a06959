// process.exit() while stores are being opened, at once and later.
const { openPlaceAsync } = require('../open_place.js');

const place = JSON.parse(process.argv[2]);
for (let i = 0; i < 5; i++) {
  openPlaceAsync(place);
}
setTimeout(() => {
  openPlaceAsync(place);
  process.exit(7);
}, 20);

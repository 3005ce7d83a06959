'use strict';

/** The server that a URL names, for net.connect. */
function serverOf(url) {
  const { hostname, port, searchParams } = new URL(url);
  const given = searchParams.get('host') ?? decodeURIComponent(hostname);
  return given.startsWith('/')
    ? { path: `${given}/.s.PGSQL.${searchParams.get('port') ?? (port || 5432)}` }
    : { host: given, port: Number(searchParams.get('port') ?? (port || 5432)) };
}

/** The same URL with another address. */
function withAddress(url, host, port) {
  const changed = new URL(url);
  // Hosts may also be given behind the question mark, where they win.
  for (const name of ['host', 'port', 'hostaddr']) {
    changed.searchParams.delete(name);
  }
  changed.hostname = host;
  changed.port = String(port);
  return changed.href;
}

module.exports = { serverOf, withAddress };

// The two calls of the shim, for k6.
import { fail } from 'k6';
import http from 'k6/http';

const url = __ENV.URL;

export function read(query, options) {
  const asked = `query=${encodeURIComponent(JSON.stringify(query))}&options=${encodeURIComponent(JSON.stringify(options || {}))}`;
  const response = http.get(`${url}/read?${asked}`, { tags: { name: 'read' } });
  if (response.status !== 200) fail(`read: ${response.status} ${response.body}`);
  return response.json();
}

// Reports whether the condition held.
export function append(events, condition) {
  const response = http.post(`${url}/append`, JSON.stringify({ events, condition }), {
    headers: { 'Content-Type': 'application/json' },
    tags: { name: 'append' },
  });
  if (response.status !== 200) fail(`append: ${response.status} ${response.body}`);
  return !response.json().appendConditionFailed;
}

export function some(list, max) {
  const picked = list.filter(() => Math.random() < 0.4).slice(0, max);
  return picked.length > 0 ? picked : [list[Math.floor(Math.random() * list.length)]];
}

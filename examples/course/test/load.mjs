// Enrols from many clients at once, at every service that is given: load.mjs ENROLMENTS CLIENTS
// COURSES PLACES URL... It fails if a course takes more students than it has places, if a student
// gets two of them, or if the services do not agree in the end.
import { setTimeout } from 'node:timers/promises';

const [enrolments, clients, courses, places] = process.argv.slice(2, 6).map(Number);
const services = process.argv.slice(6);
const run = `${Date.now()}`; // each run has courses of its own
const answers = new Map();
const times = [];

async function post(url, body) {
  for (;;) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const { answer } = await response.json();
    if (response.status < 500) return answer;
    if (response.status !== 503) throw new Error(`${url}: ${response.status} ${answer}`);
    await setTimeout(1000 * Number(response.headers.get('retry-after')));
  }
}

for (let course = 0; course < courses; course++) {
  await post(`${services[0]}/courses`, {
    course: `${run}-${course}`,
    title: `Course ${course + 1}`,
    places,
  });
}

let next = 0;
async function client() {
  while (next < enrolments) {
    const number = next++;
    // Each student asks twice, in any order and at any service: the second time changes nothing.
    const student = `student-${Math.floor(number / 2)}`;
    const course = Math.floor(number / 2) % courses;
    const service = services[number % services.length];
    const start = performance.now();
    const answer = await post(`${service}/courses/${run}-${course}/enrolments`, { student });
    times.push(performance.now() - start);
    answers.set(answer, (answers.get(answer) ?? 0) + 1);
  }
}
const start = performance.now();
await Promise.all(Array.from({ length: clients }, client));
const seconds = (performance.now() - start) / 1000;

const told = answers.get('enrolled') ?? 0;
async function seats(service) {
  const all = await (await fetch(`${service}/courses`)).json();
  const ours = all.filter(({ course }) => course.startsWith(`${run}-`));
  return ours.map(({ places, left }) => places - left);
}
// The views follow the log: wait until each has all that was told to be enrolled.
for (const service of services) {
  while ((await seats(service)).reduce((sum, taken) => sum + taken, 0) < told) {
    await setTimeout(10);
  }
  const taken = await seats(service);
  const wrong = taken.filter((each) => each > places);
  const sum = taken.reduce((a, b) => a + b, 0);
  if (wrong.length > 0 || taken.length !== courses || sum !== told) {
    throw new Error(`${service}: ${sum} places for ${told} students; courses have ${taken}`);
  }
}
times.sort((a, b) => a - b);
const quantile = (part) => times[Math.floor(part * times.length)].toFixed(1);
console.log(
  `${enrolments} enrolments by ${clients} clients on ${courses} courses of ${places} places at ${services.length} services:`,
  Object.fromEntries(answers),
);
console.log(
  `${(enrolments / seconds).toFixed(0)}/s, half within ${quantile(0.5)} ms, 99% within ${quantile(0.99)} ms; no course has more students than places`,
);

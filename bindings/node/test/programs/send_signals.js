// send_signals.js PID COUNT: sends so many signals of all kinds that a process may handle, in
// bursts, since one that gets them faster than it handles them does nothing else.
const os = require('node:os');

const [pid, count] = process.argv.slice(2).map(Number);
// Those that cannot be handled, those of faults, the debugger's, and one that Node keeps for
// itself.
const excluded = [
  'SIGKILL',
  'SIGSTOP',
  'SIGSEGV',
  'SIGBUS',
  'SIGFPE',
  'SIGILL',
  'SIGTRAP',
  'SIGSYS',
  'SIGUSR1',
  'SIGPROF',
];
const numbers = Object.entries(os.constants.signals).filter(([name]) => !excluded.includes(name));
const pause = new Int32Array(new SharedArrayBuffer(4));
for (let sent = 0; sent < count;) {
  for (const [, number] of numbers) {
    process.kill(pid, number);
    sent++;
  }
  Atomics.wait(pause, 0, 0, 0.2);
}

// A progress bar on standard error. A terminal shows one line, which is drawn again and again;
// elsewhere each tenth of the way is a line, so that logs stay short. `sharers` is the number of
// programs that write such lines at once; together they write as many lines as one program.
export class Progress {
  #total;
  #what;
  #steps;
  #started = Date.now();
  #shown = -1;

  constructor(total, what, sharers = 1) {
    this.#total = total;
    this.#what = what;
    this.#steps = process.stderr.isTTY ? 100 : Math.max(1, Math.round(10 / sharers));
  }

  show(done) {
    const step = this.#total === 0 ? this.#steps : Math.floor((done * this.#steps) / this.#total);
    if (step === this.#shown) return;
    this.#shown = step;
    const filled = Math.round((30 * step) / this.#steps);
    const bar = '#'.repeat(filled) + '.'.repeat(30 - filled);
    const rate = Math.round((1000 * done) / Math.max(1, Date.now() - this.#started));
    const text = `  [${bar}] ${done} of ${this.#total} ${this.#what}, ${rate} a second`;
    const last = done >= this.#total;
    process.stderr.write(process.stderr.isTTY ? `\r${text}\x1b[K${last ? '\n' : ''}` : `${text}\n`);
  }
}

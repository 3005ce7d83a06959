// A progress bar on standard error: drawn over itself on a terminal, a line for every tenth elsewhere, so that logs stay short.
export class Progress {
  #total;
  #what;
  #started = Date.now();
  #shown = -1;

  constructor(total, what) {
    this.#total = total;
    this.#what = what;
  }

  show(done) {
    const steps = process.stderr.isTTY ? 100 : 10;
    const step = this.#total === 0 ? steps : Math.floor((done * steps) / this.#total);
    if (step === this.#shown) return;
    this.#shown = step;
    const filled = Math.round((30 * step) / steps);
    const bar = '#'.repeat(filled) + '.'.repeat(30 - filled);
    const rate = Math.round((1000 * done) / Math.max(1, Date.now() - this.#started));
    const text = `  [${bar}] ${done} of ${this.#total} ${this.#what}, ${rate} a second`;
    const last = done >= this.#total;
    process.stderr.write(process.stderr.isTTY ? `\r${text}\x1b[K${last ? '\n' : ''}` : `${text}\n`);
  }
}

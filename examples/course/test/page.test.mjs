// Clicks in two browsers, one at each service: page.test.mjs expects CHROMIUM and SERVICES in the
// environment.
/* global document */
import assert from 'node:assert/strict';
import test from 'node:test';

import puppeteer from 'puppeteer-core';

const services = process.env.SERVICES.split(' ');

test('a seat that is taken in one browser is gone in the other', async (t) => {
  const course = `page-${Date.now()}`;
  const opened = await fetch(`${services[0]}/courses`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ course, title: 'Chess', places: 2 }),
  });
  assert.equal(opened.status, 201);

  const pages = await Promise.all(
    services.map(async (service) => {
      const browser = await puppeteer.launch({
        executablePath: process.env.CHROMIUM,
        args: ['--no-sandbox'],
      });
      t.after(() => browser.close());
      const [page] = await browser.pages();
      await page.goto(service);
      await page.waitForSelector(`[data-course="${course}"]`);
      return page;
    }),
  );
  const shows = (page, text) =>
    page.waitForFunction(
      (selector, wanted) => document.querySelector(selector).textContent === wanted,
      {},
      `[data-course="${course}"] .left`,
      text,
    );
  const enrol = async (page, student) => {
    await page.$eval('#student', (input, value) => (input.value = value), student);
    await page.click(`[data-course="${course}"] button`);
  };
  await Promise.all(pages.map((page) => shows(page, '2 of 2 left')));

  const start = performance.now();
  await enrol(pages[0], 'Ada');
  await shows(pages.at(-1), '1 of 2 left');
  t.diagnostic(`seen in the other browser after ${(performance.now() - start).toFixed(0)} ms`);

  await enrol(pages.at(-1), 'Ben');
  await Promise.all(pages.map((page) => shows(page, '0 of 2 left')));
  // The button of a full course cannot be clicked, and the service would refuse as well.
  assert.equal(await pages[0].$eval(`[data-course="${course}"] button`, (b) => b.disabled), true);
  const late = await fetch(`${services[0]}/courses/${course}/enrolments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ student: 'Cleo' }),
  });
  assert.equal(late.status, 409);
  if (process.env.SCREENSHOT) {
    for (const [index, width] of [390, 1280].entries()) {
      await pages[index].setViewport({ width, height: 600 });
      await pages[index].screenshot({ path: `${process.env.SCREENSHOT}-${width}.png` });
    }
  }
});

// Pages in Chromium: `node pages.mjs FILE`, which holds a JSON array of them, each
// with name, html and policy.
//
// Prints how each of them looks in wide and narrow windows, in light and in dark,
// as one JSON document. CHROMIUM names the browser. With BROWSER_SCREENSHOTS, a
// folder, pictures are kept.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

const { CHROMIUM = 'chromium', BROWSER_SCREENSHOTS: folder } = process.env;
const pages = JSON.parse(await readFile(process.argv[2], 'utf8'));

// Runs in the page. Contrast as WCAG 2.2 counts it, of the text that is hardest to
// read, against the nearest background that is not transparent.
function look() {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = channels(colour).map((channel) => {
      const part = channel / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((channels(colour)[3] ?? 1) === 1) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const contrasts = [...document.body.querySelectorAll('*')]
    .filter((element) =>
      [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()),
    )
    .map((element) => {
      const [one, other] = [getComputedStyle(element).color, background(element)].map(luminance);
      return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    });
  return {
    contrast: Math.min(...contrasts),
    // How far one would have to scroll sideways.
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    direction: getComputedStyle(document.body).direction,
    ran: document.documentElement.dataset.ran ?? null,
  };
}

async function seen(page, { name, html, policy }) {
  const complaints = [];
  const complain = (message) => complaints.push(message.text());
  page.on('console', complain);
  await page.route('**/*', (route) =>
    route.fulfill({
      contentType: 'text/html; charset=utf-8',
      headers: { 'content-security-policy': policy },
      body: html,
    }),
  );
  await page.goto('http://127.0.0.1/latchstring/end');
  const all = [];
  for (const width of [320, 1024]) {
    await page.setViewportSize({ width, height: 720 });
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      if (folder) {
        const path = join(folder, `${name}-${width}-${colorScheme}.png`);
        await page.screenshot({ path, fullPage: true });
      }
      const looks = await page.evaluate(look);
      all.push({ name: `${name}, ${colorScheme}, ${width} wide`, ...looks, complaints });
    }
  }
  await page.unroute('**/*');
  page.off('console', complain);
  return all;
}

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  timeout: 0,
  args: ['--disable-gpu'],
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  const all = [];
  for (const one of pages) all.push(...(await seen(page, one)));
  console.log(JSON.stringify(all));
} finally {
  await browser.close();
}

// A user in Chromium: `node browser.mjs [--refuse|--overheard] URL`.
//
// Types a name into the login page, presses a button, and reports the page it
// lands on as one JSON document to the address in BROWSER_REPORT_TO. CHROMIUM
// names the browser. `--overheard` gives the provider's answer to a second browser
// first, which has none of the first one's cookies. With BROWSER_SCREENSHOTS, a folder, both pages are kept as
// pictures, in light and in dark.

import { connect } from 'node:net';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

const {
  CHROMIUM = 'chromium',
  BROWSER_REPORT_TO: report,
  BROWSER_SCREENSHOTS: folder,
} = process.env;
const url = process.argv.at(-1);
const refuses = process.argv.includes('--refuse');
const overheard = process.argv.includes('--overheard');

async function picture(page, name) {
  if (!folder) return;
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`) });
  }
}

// What a stranger sees who gets to the callback before the user does.
async function overhear(browser, page) {
  let tell;
  const told = new Promise((resolve) => {
    tell = resolve;
  });
  await page.route('**/authorize*', async (route) => {
    if (route.request().method() !== 'POST') return route.continue();
    const answer = await route.fetch({ maxRedirects: 0, timeout: 0 });
    const { location } = answer.headers();
    const other = await (await browser.newContext()).newPage();
    other.setDefaultTimeout(0);
    await other.goto(location);
    await picture(other, 'stranger');
    tell(await other.title());
    // The user's own browser goes on where it was about to.
    await route.fulfill({
      contentType: 'text/html',
      body: `<meta http-equiv="refresh" content="0;url=${location.replaceAll('&', '&amp;')}">`,
    });
  });
  return () => told;
}

async function visit(browser) {
  const page = await browser.newPage();
  // The test that started this has a time limit, which is enough.
  page.setDefaultTimeout(0);
  const complaints = [];
  const hosts = new Set();
  page.on('console', (message) => {
    // Chromium reports a page's own status too: that of a refusal is no success.
    if (!message.text().startsWith('Failed to load resource')) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => hosts.add(new URL(request.url()).host));
  await page.goto(url);
  await picture(page, 'login');
  await page.getByLabel('Your name').fill('Grace Hopper');
  const stranger = overheard ? await overhear(browser, page) : undefined;
  await page
    .getByRole('button', { name: refuses ? 'Refuse' : 'Log in' })
    .click({ noWaitAfter: true });
  await page.waitForURL((now) => now.pathname === '/latchstring/end');
  await picture(page, refuses ? 'refused' : 'success');
  return {
    stranger: await stranger?.(),
    title: await page.title(),
    heading: await page.getByRole('heading').innerText(),
    text: await page.locator('body').innerText(),
    host: new URL(page.url()).host,
    query: new URL(page.url()).search,
    corner: await page.locator('main').evaluate((main) => getComputedStyle(main).borderRadius),
    hosts: [...hosts],
    complaints,
  };
}

async function run() {
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    timeout: 0,
    args: [
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-gpu',
      '--disable-quic',
      '--disable-sync',
      '--no-first-run',
    ],
  });
  try {
    return await visit(browser);
  } finally {
    await browser.close();
  }
}

const seen = await run().catch((error) => ({ failure: error.message }));
const [host, port] = report.split(':');
connect(Number(port), host).end(JSON.stringify(seen));

// What the browser shows when it comes back: no script, nothing from elsewhere, and
// nowhere to go (RFC 9700 §4.2.4).

import { createHash } from 'node:crypto';

/** @import { LatchError } from './error.js' */

/**
 * @typedef {object} Page
 * @property {number} status
 * @property {string} html
 * @property {string} [location] where the browser goes at once
 * @property {string} [cookie] what the browser keeps, as a `Set-Cookie` header
 */

const STYLE = `
:root { color-scheme: light dark; font: 1rem/1.55 system-ui, sans-serif; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; overflow-wrap: anywhere; }
main { max-width: 28rem; padding: 1.5rem; }
h1 { font-size: 1.375rem; line-height: 1.3; }
footer { margin-top: 2rem; font-size: .8125rem; }
`;

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** The `Content-Security-Policy` of every answer: that one style and nothing else. */
export const POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
  + `style-src 'sha256-${STYLE_HASH}'`;

/**
 * Sends the browser on to `url` at once, with a cookie to keep.
 *
 * @param {string} url
 * @param {string} [cookie]
 * @returns {Page}
 */
export function forward(url, cookie) {
  return { status: 303, html: '', location: url, cookie };
}

/** The login worked and its session is kept. */
export function success() {
  return page(200, 'You are logged in', 'You can close this window and go back to your terminal.');
}

/**
 * The login was refused, or could not be finished.
 *
 * @param {LatchError} error
 */
export function failed({ code, message, remedy, provider }) {
  const refused = code === 'access-denied';
  const said = provider && [provider.error, provider.description].filter(Boolean).join(': ');
  const details = [message, said && `the provider said: ${said}`, remedy, `code: ${code}`];
  return page(
    refused ? 403 : 500,
    refused ? 'Login refused' : 'Login failed',
    'You can close this window and go back to your terminal.',
    ...details.filter((text) => text !== undefined && text !== ''),
  );
}

/**
 * This is not the answer that the login waits for.
 *
 * @param {string} reason one line
 */
export function stray(reason) {
  return page(
    400,
    'Not the answer this login waits for',
    'Nothing has changed, and the login still waits. Finish it in the window that it opened, or start it again in your terminal.',
    reason,
  );
}

/** A local address that does not work, or does not work any more. */
export function usedAddress() {
  return page(
    410,
    'This address was used already',
    'It works once, so that nobody else on this machine can log in with it. If it was not you who used it, somebody else may have: go back to your terminal and ask for a fresh one.',
  );
}

/** The answer of a login that began in another browser, or nowhere here. */
export function anotherBrowser() {
  return page(
    403,
    'Not the browser that began this login',
    'Nothing has changed, and the login still waits. Open the address from your terminal in this browser, and let it keep cookies for this machine. If that does not help, copy the whole address of this page and paste it in your terminal.',
  );
}

/** The browser of another user of this machine. */
export function anotherUser() {
  return page(
    403,
    'This browser belongs to another user',
    'It runs as another user of this machine than the program that waits here. Nothing has changed, and that program still waits. Use a browser of the user who runs it.',
  );
}

/** Whoever comes when the login has ended, well or not. */
export function finished() {
  return page(
    410,
    'Already finished',
    'Look at your terminal: it shows how this login ended. You can close this window.',
  );
}

/** Nobody waits for this answer any more. */
export function abandoned() {
  return page(
    503,
    'Login abandoned',
    'The program that waited for this answer has stopped. You can close this window and start the login again in your terminal.',
  );
}

/**
 * A phrase of the component as a sentence.
 *
 * @param {string} phrase
 */
export function sentence(phrase) {
  return `${phrase[0]?.toUpperCase() ?? ''}${phrase.slice(1)}.`;
}

/**
 * @param {number} status
 * @param {string} title
 * @param {(string | undefined)[]} texts
 * @returns {Page}
 */
function page(status, title, ...texts) {
  const paragraphs = texts.map((text) => `<p dir="auto">${escaped(text ?? '')}</p>`).join('\n');
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
${paragraphs}
<footer><strong>Never paste this page’s address anywhere.</strong>
Whoever asks you for it wants to log in as you.</footer>
</main>
</body>
</html>
`;
  return { status, html };
}

/** @param {string} text */
function escaped(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

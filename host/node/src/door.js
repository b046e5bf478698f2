// How the person gets to the provider and back: a listener, a browser, and a person.

import { sandboxFault } from './error.js';
import { launch } from './launch.js';

/** @import { Authorization, DevicePrompt, LoginFlow, Offer, Reply, Visit as Sending } from '../component/interfaces/latchstring-login-flow.js' */
/** @import { Browser } from './browser.js' */
/** @import { Clock } from './clock.js' */
/** @import { Launched } from './launch.js' */
/** @import { Listening, Visit } from './listener.js' */
/** @import { Binding, News, Page, Passage } from '../component/interfaces/latchstring-rules-host.js' */
/** @import { Egress } from './egress.js' */
/** @import { Rules } from './rules.js' */
/** @import { Terminal } from './terminal.js' */

/**
 * How long to wait for the browser to request the last page. Ends earlier if the browser
 * closes a connection on which it could have sent that request.
 */
const ARRIVAL_MS = 2_000;

/** @type {Record<LoginFlow, string>} */
const IN_WORDS = {
  browser: 'use the browser of this machine',
  paste: 'use any browser and paste its last address',
  device: 'use a code on any device',
};

/** Only a login has one. */
export class Door {
  #rules;
  #egress;
  #clock;
  #entropy;
  #listener;
  #browser;
  #terminal;
  #signal;
  /** Ties the login to the browser that was started. @type {Binding | undefined} */
  #binding;
  /** The address that was shown. @type {string | undefined} */
  #shown;
  /** Whether the person is asked for the address that the browser ends on. */
  #asks = false;
  /** Whether the browser that was started may be on another machine. */
  #browserIsElsewhere;
  /** Asks for a paste, once that was found to be needed. */
  #askAfterAll = () => {};
  /** The user was told that another user's browser was refused. */
  #hasToldOfOthers = false;
  /** The browser that was started. @type {Launched | undefined} */
  #launched;
  /** The opened address was used twice. */
  #isTaken = false;
  /** Withdraws the question whether to open a fresh address. @type {AbortController | undefined} */
  #enter;
  /** The browser that waits for its page. @type {Visit | undefined} */
  #visit;

  /**
   * @param {object} parts
   * @param {Rules} parts.rules
   * @param {Egress} parts.egress says where the user may be sent
   * @param {Clock} parts.clock
   * @param {() => Uint8Array} parts.entropy
   * @param {Listening} [parts.listener] none where no browser can come back
   * @param {Browser} [parts.browser] none where the person opens the address by themselves
   * @param {boolean} [parts.browserIsElsewhere] whether it may be on another machine, as
   * an editor's is: then it may not come back by itself
   * @param {Terminal} parts.terminal
   * @param {AbortSignal} [parts.signal] ends a wait for the person
   */
  constructor({ rules, egress, clock, entropy, listener, browser, browserIsElsewhere = false, terminal, signal }) {
    this.#rules = rules;
    this.#egress = egress;
    this.#clock = clock;
    this.#entropy = entropy;
    this.#listener = listener;
    this.#browser = browser;
    this.#browserIsElsewhere = browserIsElsewhere;
    this.#terminal = terminal;
    this.#signal = signal;
  }

  /**
   * Brings the person to the provider, and waits for what comes back.
   *
   * @param {Authorization} authorization
   * @returns {Promise<Reply>}
   */
  async authorize({ url, flow, reason, waitMs, notice, alternatives }) {
    const address = this.#egress.authorization(url);
    const isNew = this.#shown !== url;
    if (isNew && this.#visit) this.#sendOn(url, address, notice);
    else if (notice !== undefined) await this.#reject(notice, isNew);
    if (this.#shown !== url) {
      if (flow === 'paste' && reason) this.#terminal.say(`Logging in by hand: ${reason}`);
      const opens = flow !== 'paste' && (await this.#invite(address));
      if (flow === 'paste') this.#show(address);
      this.#asks = flow === 'paste' || ((!opens || this.#browserIsElsewhere) && this.#terminal.isAttended);
      this.#shown = url;
    }
    const asked = new Promise((resolve) => { this.#askAfterAll = () => resolve(undefined); });
    if (this.#asks) this.#askAfterAll();
    const paste = async (/** @type {AbortSignal} */ signal) => {
      await asked;
      // One question at a time has the keyboard: an empty paste is Enter too.
      this.#enter?.abort();
      this.#asks = true;
      this.#terminal.say(notice === undefined
        ? "When the login is done, copy the whole address from the browser's address bar,\neven if its page cannot be shown, and paste it here (it is not displayed):"
        : 'Paste the whole address (it is not displayed):');
      if (alternatives.length > 0) this.#terminal.say(ways(alternatives));
      return this.#pasted(alternatives, signal);
    };
    return this.#first((signal) => {
      if (this.#isTaken) this.#awaitEnter(signal);
      return [this.#redirect(signal), paste(signal), this.#late(waitMs, signal)];
    });
  }

  /**
   * The code stands there whatever else does: an address with the code in it could
   * be somebody else's (RFC 8628 §3.3.1).
   *
   * @param {DevicePrompt} prompt
   * @returns {Reply}
   */
  present({ userCode, verificationUri, verificationUriComplete }) {
    const address = this.#egress.page(verificationUri);
    const complete = verificationUriComplete && this.#egress.page(verificationUriComplete);
    this.#terminal.say(`To log in, open this address on any device:\n\n  ${address}`);
    this.#terminal.say(`\nand enter this code:\n\n    ${userCode}\n`);
    if (complete !== undefined) this.#terminal.say(`Or open this address, which has the code in it:\n\n  ${complete}\n`);
    this.#terminal.say('Only enter a code that you asked for yourself.\n');
    return { tag: 'presented' };
  }

  /**
   * Brings the person to a page that nothing comes back from.
   *
   * @param {Sending} visit
   * @returns {Promise<Reply>}
   */
  async send({ url, opens }) {
    const address = this.#egress.page(url);
    const opened = opens && this.#browser && (await this.#opens(this.#browser, address));
    this.#terminal.say(opened
      ? `Your browser opens to log you in. If it does not, open:\n\n  ${address}`
      : `To log in, open this address on any device:\n\n  ${address}`);
    this.#terminal.say('\nOnly confirm a login that you began yourself.\n');
    return { tag: 'presented' };
  }

  /**
   * Asks how to go on. Whoever visits meanwhile is too late.
   *
   * @param {Offer} offer
   * @returns {Promise<Reply>}
   */
  async offer({ reason, flows, waitMs }) {
    this.#binding = undefined;
    this.#launched?.end();
    this.#shown = undefined;
    this.#isTaken = false;
    this.#terminal.say(sentence(reason));
    const [first, ...others] = flows;
    if (!first) throw sandboxFault('the login component offered a choice of nothing');
    return this.#first((signal) => [
      this.#turnAway(signal),
      this.#chosen(first, others, signal),
      this.#late(waitMs, signal),
    ]);
  }

  /**
   * Shows how the login ended to whoever waits in a browser: sent on to an address
   * without the code, it is in nobody's history.
   *
   * @param {Page} page
   */
  async close(page) {
    this.#launched?.end();
    const listener = this.#listener;
    if (!listener) return;
    const endAddress = this.#rules.endAddress();
    const on = this.#rules.forward(endAddress, this.#binding?.goodbye());
    const redirect = this.#visit?.target;
    const told = [];
    let shown = this.#visit === undefined;
    await this.#visit?.answer(on);
    let isGone = false;
    // A browser that closes the connection it could have asked on does not come.
    const gone = this.#visit?.gone?.then(() => { isGone = true; }) ?? new Promise(() => {});
    const over = new AbortController();
    let isLate = false;
    const late = this.#clock.sleep(ARRIVAL_MS, over.signal).catch(() => {}).then(() => { isLate = true; });
    do {
      // A browser that does not come is no reason to keep the user waiting.
      if (!shown) await Promise.race([listener.arrival(), gone, late]);
      for (let visit = listener.take(); visit; visit = listener.take()) {
        const { target } = visit;
        const isEnd = target === endAddress && !isRefused(visit);
        // One that asked twice is sent there twice, and any other came too late.
        const answer = isRefused(visit) ? this.#page('another-user')
          : isEnd ? page : target === redirect ? on : this.#page('finished');
        told.push(visit.answer(answer));
        shown ||= isEnd;
      }
    } while (!shown && !isGone && !isLate);
    over.abort();
    await Promise.all(told);
    await listener.close();
  }

  /**
   * Whether a browser opens, or the person has to see to it.
   *
   * @param {string} address
   */
  async #invite(address) {
    if (!this.#browser || !this.#listener) {
      this.#show(address);
      // Whoever wants no browser started has one in mind.
      return !this.#browser;
    }
    const binding = new this.#rules.Binding(this.#listener.redirectUri, address, this.#entropy());
    const launched = await this.#launches(this.#browser, binding.openedAddress());
    if (!launched) {
      this.#show(address);
      return false;
    }
    this.#binding = binding;
    this.#terminal.say(`${launched.invitation}\n\n  ${binding.printedAddress()}`);
    return true;
  }

  /**
   * @param {Browser} browser
   * @param {string} address of this login
   */
  async #launches(browser, address) {
    this.#launched?.end();
    this.#launched = undefined;
    try {
      this.#launched = await launch(browser, address, this.#listener?.tellsPeers ?? false);
    } catch (error) {
      this.#terminal.say(`No browser opens (${/** @type {Error} */ (error).message}).`);
    }
    return this.#launched;
  }

  /**
   * @param {Browser} browser
   * @param {string} address
   */
  async #opens(browser, address) {
    try {
      await browser(address);
      return true;
    } catch (error) {
      this.#terminal.say(`No browser opens (${/** @type {Error} */ (error).message}).`);
      return false;
    }
  }

  /** @param {string} address */
  #show(address) {
    this.#terminal.say(`To log in, open:\n\n  ${address}`);
  }

  /**
   * Says that the last answer did not count, or why there is another address.
   *
   * @param {string} notice
   * @param {boolean} isNew whether there is another address
   */
  async #reject(notice, isNew) {
    const visit = this.#visit;
    this.#visit = undefined;
    if (visit) await visit.answer(this.#rules.show({ tag: 'stray', val: notice }));
    // What was pasted does not count: the user is at the terminal.
    else this.#terminal.say(isNew ? sentence(notice) : `That does not finish the login: ${notice}`);
  }

  /**
   * Sends the browser that came back last on to another address, in the same tab.
   *
   * @param {string} url
   * @param {string} address the URL as a browser may be given it
   * @param {string | undefined} notice
   */
  #sendOn(url, address, notice = 'the login goes on at another address') {
    this.#terminal.say(sentence(notice));
    this.#binding?.goOnTo(address);
    this.#shown = url;
    void this.#visit?.answer(this.#rules.forward(address, undefined));
    this.#visit = undefined;
  }

  /**
   * The next visit that may count.
   *
   * @param {AbortSignal} signal
   * @returns {Promise<Reply>}
   */
  async #redirect(signal) {
    for (;;) {
      const visit = await this.#nextVisit(signal);
      // Before anything that it brings is looked at: it uses nothing up.
      if (isRefused(visit)) {
        void visit.answer(this.#page('another-user'));
        if (!this.#hasToldOfOthers) {
          this.#terminal.say('The browser of another user of this machine came to this login and was refused. If that was you, open the address in a browser of the user that runs this program.');
        }
        this.#hasToldOfOthers = true;
        continue;
      }
      const passage = this.#passage(visit);
      if (passage.tag === 'redirect') {
        this.#visit = visit;
        return { tag: 'redirected', val: visit.target };
      }
      if (passage.tag === 'taken') this.#warn(signal);
      if (passage.tag === 'another-browser' && !this.#asks && this.#terminal.isAttended) {
        this.#terminal.say('The login came back in another browser than it began in, and does not count.');
        this.#askAfterAll();
      }
      const page = passage.tag === 'on' ? passage.val
        : this.#page(passage.tag === 'another-browser' ? 'another-browser' : 'used-address');
      // Whoever does not read must not keep the rest waiting.
      void visit.answer(page);
    }
  }

  /**
   * What a visit means.
   *
   * @param {Visit} visit
   * @returns {Passage}
   */
  #passage({ target, cookies }) {
    if (this.#binding) return this.#binding.judge(target, cookies);
    // Nobody was sent to a local address.
    return { tag: this.#rules.isStart(target) ? 'used-address' : 'redirect' };
  }

  /**
   * @param {Exclude<News['tag'], 'failed' | 'stray'>} tag
   * @returns {Page}
   */
  #page(tag) {
    return this.#rules.show({ tag });
  }

  /**
   * Somebody else may have taken the browser's address; offers a fresh one.
   *
   * @param {AbortSignal} signal
   */
  #warn(signal) {
    this.#isTaken = true;
    this.#terminal.say('The address that your browser was sent to was opened twice, and works no more: somebody else on this machine may have taken it. Press Enter for a fresh one.');
    this.#awaitEnter(signal);
  }

  /**
   * Opens a fresh address at Enter, unless a paste is asked for: an empty one is Enter.
   *
   * @param {AbortSignal} signal
   */
  #awaitEnter(signal) {
    if (this.#asks) return;
    this.#enter = new AbortController();
    const withdrawn = AbortSignal.any([signal, this.#enter.signal]);
    void this.#terminal.ask(false, withdrawn).then(() => this.#openAfresh()).catch(() => {
      // The question was withdrawn.
    });
  }

  /** Sends the browser to a fresh address. */
  async #openAfresh() {
    this.#isTaken = false;
    this.#binding?.renew();
    if (this.#binding && this.#browser) await this.#launches(this.#browser, this.#binding.openedAddress());
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<never>}
   */
  async #turnAway(signal) {
    for (;;) void (await this.#nextVisit(signal)).answer(this.#page('abandoned'));
  }

  /**
   * The next visit; none ever once `signal` came, or where there is no listener.
   *
   * @param {AbortSignal} signal
   */
  async #nextVisit(signal) {
    for (;;) {
      if (signal.aborted || !this.#listener) await new Promise(() => {});
      const visit = this.#listener?.take();
      if (visit) return visit;
      await this.#listener?.arrival();
    }
  }

  /**
   * @param {LoginFlow[]} alternatives
   * @param {AbortSignal} signal
   * @returns {Promise<Reply>}
   */
  async #pasted(alternatives, signal) {
    let text = await this.#terminal.ask(true, signal);
    while (this.#isTaken && text.trim() === '') {
      await this.#openAfresh();
      text = await this.#terminal.ask(true, signal);
    }
    const flow = named(alternatives, text);
    return flow ? { tag: 'chosen', val: flow } : { tag: 'pasted', val: text };
  }

  /**
   * @param {LoginFlow} first
   * @param {LoginFlow[]} others
   * @param {AbortSignal} signal
   * @returns {Promise<Reply>}
   */
  async #chosen(first, others, signal) {
    for (;;) {
      this.#terminal.say(`Press Enter to ${IN_WORDS[first]}.${others.length > 0 ? ` ${ways(others)}` : ''}`);
      const text = await this.#terminal.ask(false, signal);
      const flow = text.trim() === '' ? first : named([first, ...others], text);
      if (flow) return { tag: 'chosen', val: flow };
    }
  }

  /**
   * @param {bigint} waitMs
   * @param {AbortSignal} signal
   * @returns {Promise<Reply>}
   */
  async #late(waitMs, signal) {
    await this.#clock.sleep(Number(waitMs), signal);
    return { tag: 'timed-out' };
  }

  /**
   * What comes first; the others are given up.
   *
   * @param {(signal: AbortSignal) => Promise<Reply>[]} begin
   */
  async #first(begin) {
    const over = new AbortController();
    const { signal } = over;
    const stop = () => over.abort();
    this.#signal?.addEventListener('abort', stop);
    try {
      this.#signal?.throwIfAborted();
      return await Promise.race(begin(signal));
    } finally {
      this.#signal?.removeEventListener('abort', stop);
      over.abort();
    }
  }
}

/**
 * Whether a visit is refused, whatever it brings. This is the one place that decides it.
 *
 * @param {Visit} visit
 */
function isRefused({ peer }) {
  return peer === 'other-user';
}

/**
 * @param {LoginFlow[]} flows
 * @param {string} text
 */
function named(flows, text) {
  return flows.find((flow) => flow === text.trim().toLowerCase());
}

/**
 * Each way on a line of its own, with the word that chooses it.
 *
 * @param {LoginFlow[]} flows
 */
function ways(flows) {
  return `Or type${flows.map((flow) => `\n  ${flow.padEnd(8)} to ${IN_WORDS[flow]}`).join('')}`;
}

/**
 * A phrase of the component as a sentence.
 *
 * @param {string} phrase
 */
export function sentence(phrase) {
  return `${phrase[0]?.toUpperCase() ?? ''}${phrase.slice(1)}.`;
}

// Reaches the user of a login: carries out what the rules component decides, with a browser, a
// terminal and a loopback listener.

import { launch } from './browser.js';
import { decided } from './components.js';

/** @import { Action, Reply } from '../component/interfaces/latchstring-login-flow.js' */
/** @import { Command, Ended, Event, Interaction, Opened } from '../component/interfaces/latchstring-rules-host.js' */
/** @import { Browser, Launched } from './browser.js' */
/** @import { Clock } from './clock.js' */
/** @import { Rules } from './components.js' */
/** @import { Egress } from './egress.js' */
/** @import { Listening, Visit } from './listener.js' */
/** @import { Terminal } from './terminal.js' */

/**
 * What a login reaches its user with.
 *
 * @typedef {object} Ways
 * @property {Rules} rules
 * @property {Egress} egress decides which addresses the user's browser may open
 * @property {Clock} clock
 * @property {Uint8Array} seed at least 32 random bytes for one-time addresses
 * @property {Listening} [listener] undefined if no browser can come back
 * @property {Browser} [browser] undefined if the user opens the address by hand
 * @property {boolean} [browserIsElsewhere] whether that browser may run on another machine
 * @property {Terminal} terminal
 * @property {AbortSignal} [signal] ends a wait for the user
 */

/** The user's browser, terminal and loopback listener during one login. */
export class User {
  #ways;
  #listener;
  #signal;
  /** @type {Interaction} */
  #interaction;
  /** The browser that was started. @type {Launched | undefined} */
  #launched;
  /** The requests that have no answer yet, by number. @type {Map<number, Visit>} */
  #unanswered = new Map();
  /** How many requests came. */
  #requests = 0;
  /** The answers that are being written. @type {Promise<void>[]} */
  #answers = [];
  /** What happened and was not handled yet. @type {Event[]} */
  #events = [];
  #wake = () => {};
  /** These withdraw the question and the time limit. */
  #withdrawn = { question: new AbortController(), limit: new AbortController() };

  /** @param {Ways} ways */
  constructor(ways) {
    const { rules, egress, seed, listener, browser, browserIsElsewhere = false, terminal } = ways;
    this.#ways = ways;
    this.#listener = listener;
    this.#signal = ways.signal;
    const means = {
      redirectUri: listener?.redirectUri,
      hasBrowser: browser !== undefined,
      browserIsElsewhere,
      isAttended: terminal.isAttended,
      hidesTyping: true,
    };
    this.#interaction = decided(() => new rules.Interaction(egress.policy, means, seed));
  }

  /**
   * Carries out an action that needs the user. Returns the reply to it. Fails with
   * `egress-denied` if the user may not be sent to its address.
   *
   * @param {Extract<Action, { tag: 'authorize' | 'present' | 'visit' | 'offer' | 'confirm' }>} action
   */
  async perform(action) {
    const wake = () => this.#wake();
    this.#signal?.addEventListener('abort', wake);
    try {
      return /** @type {Reply} */ (await this.#run(action));
    } finally {
      this.#signal?.removeEventListener('abort', wake);
      this.#stopWaiting();
    }
  }

  /**
   * Shows the waiting browsers how the login ended. Returns when their pages were written.
   *
   * @param {Ended} [ended] undefined if the login worked
   */
  async close(ended) {
    // An interrupted login, too, shows how it ended.
    this.#signal = undefined;
    await this.#run({ tag: 'close', val: ended });
    this.#stopWaiting();
    for (let visit = this.#listener?.take(); visit; visit = this.#listener?.take()) {
      for (const command of this.#commands(this.#requested(visit))) await this.#carryOut(command);
    }
    await Promise.all(this.#answers);
  }

  /**
   * Carries out what follows from an event, and from what happens then. Returns the reply, or
   * `undefined` if the login has ended.
   *
   * @param {Event} event
   * @returns {Promise<Reply | undefined>}
   */
  async #run(event) {
    for (;;) {
      /** @type {Event | undefined} */
      let next;
      for (const command of this.#commands(event)) {
        if (command.tag === 'reply') return command.val;
        if (command.tag === 'finish') return undefined;
        next = await this.#carryOut(command);
      }
      event = next ?? (await this.#event());
    }
  }

  /** @param {Event} event */
  #commands(event) {
    return decided(() => this.#interaction.handle(event));
  }

  /**
   * Carries out a command. Returns the event that is its result, if it has one.
   *
   * @param {Command} command
   * @returns {Promise<Event | undefined>}
   */
  async #carryOut(command) {
    const { terminal, clock } = this.#ways;
    switch (command.tag) {
      case 'say':
        terminal.say(command.val);
        break;
      case 'address':
        terminal.say(`  ${command.val}`);
        break;
      case 'launch':
      case 'open':
        return { tag: 'opened', val: await this.#start(command.tag, command.val) };
      case 'end-launch':
        this.#endLaunch();
        break;
      case 'answer': {
        const { request, page } = command.val;
        const visit = this.#unanswered.get(request);
        this.#unanswered.delete(request);
        if (visit) this.#answers.push(visit.answer(page));
        void visit?.gone?.then(() => this.#happened({ tag: 'closed', val: request }));
        break;
      }
      case 'ask': {
        const { text, isHidden } = command.val;
        const signal = this.#withdraw('question');
        // Before the question is shown, so that a hidden line is hidden from its first character.
        const line = terminal.ask(isHidden, signal);
        if (text !== '') terminal.say(text);
        line.then(
          (val) => this.#happened({ tag: 'typed', val }, signal),
          () => {},
        );
        break;
      }
      case 'limit': {
        const signal = this.#withdraw('limit');
        const end = () => this.#happened({ tag: 'timed-out' }, signal);
        // If the clock fails, the wait ends too.
        clock.sleep(Number(command.val), signal).then(end, end);
        break;
      }
      default:
      // This host draws no QR codes and shows no countdown.
    }
    return undefined;
  }

  /**
   * Starts the browser. Returns what it was started on, or the reason why it was not.
   *
   * @param {'launch' | 'open'} how
   * @param {string} address
   * @returns {Promise<{ tag: 'ok', val: Opened } | { tag: 'err', val: string }>}
   */
  async #start(how, address) {
    const { browser } = this.#ways;
    if (!browser) return { tag: 'ok', val: 'by-hand' };
    try {
      if (how === 'open') {
        await browser(address);
        return { tag: 'ok', val: 'address' };
      }
      this.#endLaunch();
      const tellsPeers = this.#listener?.tellsPeers ?? false;
      const launched = await launch(browser, address, tellsPeers);
      this.#launched = launched;
      void launched.failed?.then((val) => {
        if (this.#launched === launched) this.#happened({ tag: 'browser-failed', val });
      });
      return { tag: 'ok', val: launched.opened };
    } catch (error) {
      return { tag: 'err', val: /** @type {Error} */ (error).message };
    }
  }

  #endLaunch() {
    this.#launched?.end();
    this.#launched = undefined;
  }

  /**
   * Withdraws the question or the time limit. Returns what withdraws the next one.
   *
   * @param {'question' | 'limit'} what
   */
  #withdraw(what) {
    this.#withdrawn[what].abort();
    this.#withdrawn[what] = new AbortController();
    return this.#withdrawn[what].signal;
  }

  /** Forgets what an action has waited for. */
  #stopWaiting() {
    this.#withdraw('question');
    this.#withdraw('limit');
    this.#events = [];
  }

  /**
   * Returns the event of a request.
   *
   * @param {Visit} visit
   * @returns {Event}
   */
  #requested(visit) {
    const { target, cookies, peer = 'unknown', gone } = visit;
    const id = this.#requests;
    this.#requests += 1;
    this.#unanswered.set(id, visit);
    const keepsConnection = gone !== undefined;
    return { tag: 'requested', val: { id, target, cookies, peer, keepsConnection } };
  }

  /**
   * @param {Event} event
   * @param {AbortSignal} [withdrawn] whether the event does not count any longer
   */
  #happened(event, withdrawn) {
    if (withdrawn?.aborted) return;
    this.#events.push(event);
    this.#wake();
  }

  /** Waits until something happens. */
  async #event() {
    for (;;) {
      this.#signal?.throwIfAborted();
      // Events come first: a flood of requests must not hold off the time limit.
      const event = this.#events.shift();
      if (event) return event;
      const visit = this.#listener?.take();
      if (visit) return this.#requested(visit);
      const woken = new Promise((resolve) => {
        this.#wake = () => resolve(undefined);
      });
      await Promise.race(this.#listener ? [woken, this.#listener.arrival()] : [woken]);
    }
  }
}

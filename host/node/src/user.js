// Reaches the user of a login: carries out what the rules component decides, with a
// browser, a terminal and a loopback listener.

import { decided } from './components.js';
import { launch } from './launch.js';

/** @import { Authorization, DevicePrompt, Offer, Reply, Visit as PageVisit } from '../component/interfaces/latchstring-login-flow.js' */
/** @import { Answer, Command, Ended, Event, Interaction, Question } from '../component/interfaces/latchstring-rules-host.js' */
/** @import { Browser } from './browser.js' */
/** @import { Clock } from './clock.js' */
/** @import { Egress } from './egress.js' */
/** @import { Launched } from './launch.js' */
/** @import { Listening, Visit } from './listener.js' */
/** @import { Rules } from './components.js' */
/** @import { Terminal } from './terminal.js' */

/** Only a login has one. */
export class User {
  #clock;
  #listener;
  #browser;
  #terminal;
  #signal;
  /** @type {Interaction} */
  #interaction;
  /** The browser that was started. @type {Launched | undefined} */
  #launched;
  /** Requests without an answer, by number. @type {Map<number, Visit>} */
  #unanswered = new Map();
  #requests = 0;
  /** Answers that are being written. @type {Promise<void>[]} */
  #answers = [];
  /** What has happened and was not handled yet. @type {Event[]} */
  #events = [];
  #wake = () => {};
  /** Withdraws the question. @type {AbortController | undefined} */
  #question;
  /** @type {AbortController | undefined} */
  #limit;

  /**
   * @param {object} ways
   * @param {Rules} ways.rules
   * @param {Egress} ways.egress says where the user may be sent
   * @param {Clock} ways.clock
   * @param {Uint8Array} ways.seed 32 random bytes for one-time addresses
   * @param {Listening} [ways.listener] none if no browser can come back
   * @param {Browser} [ways.browser] none if the user opens the address by hand
   * @param {boolean} [ways.browserIsElsewhere] whether it may run on another machine
   * @param {Terminal} ways.terminal
   * @param {AbortSignal} [ways.signal] ends a wait for the user
   */
  constructor({
    rules,
    egress,
    clock,
    seed,
    listener,
    browser,
    browserIsElsewhere = false,
    terminal,
    signal,
  }) {
    this.#clock = clock;
    this.#listener = listener;
    this.#browser = browser;
    this.#terminal = terminal;
    this.#signal = signal;
    this.#interaction = new rules.Interaction(
      egress.policy,
      {
        redirectUri: listener?.redirectUri,
        hasBrowser: browser !== undefined,
        browserIsElsewhere,
        isAttended: terminal.isAttended,
        hidesTyping: true,
      },
      seed,
    );
  }

  /**
   * Sends the user to the provider and waits for what comes back.
   *
   * @param {Authorization} authorization
   */
  authorize(authorization) {
    return this.#reply({ tag: 'authorize', val: authorization });
  }

  /**
   * Shows the code for a login on another device.
   *
   * @param {DevicePrompt} prompt
   */
  present(prompt) {
    return this.#reply({ tag: 'present', val: prompt });
  }

  /**
   * Shows the user a page that nothing comes back from.
   *
   * @param {PageVisit} visit
   */
  visit(visit) {
    return this.#reply({ tag: 'visit', val: visit });
  }

  /**
   * Asks the user how to go on.
   *
   * @param {Offer} offer
   */
  offer(offer) {
    return this.#reply({ tag: 'offer', val: offer });
  }

  /**
   * Shows the waiting browsers how the login ended. Resolves when their pages were written.
   *
   * @param {Ended} [ended] the failure; none if the login worked
   */
  async close(ended) {
    // The end is shown also to the user of an interrupted program.
    this.#signal = undefined;
    await this.#run({ tag: 'close', val: ended });
    this.#withdraw();
    for (let visit = this.#listener?.take(); visit; visit = this.#listener?.take()) {
      for (const command of this.#commands(this.#requested(visit))) await this.#carryOut(command);
    }
    await Promise.all(this.#answers);
    await this.#listener?.close();
  }

  /**
   * @param {Event} action
   * @returns {Promise<Reply>}
   */
  async #reply(action) {
    const wake = () => this.#wake();
    this.#signal?.addEventListener('abort', wake);
    try {
      const reply = await this.#run(action);
      return /** @type {Reply} */ (reply);
    } finally {
      this.#signal?.removeEventListener('abort', wake);
      this.#withdraw();
    }
  }

  /**
   * Carries out what follows from an event, and from what happens then. Returns the reply,
   * or nothing if the login has ended.
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
   * Returns what came of a command that is the last of a list.
   *
   * @param {Command} command
   * @returns {Promise<Event | undefined>}
   */
  async #carryOut(command) {
    switch (command.tag) {
      case 'say':
        this.#terminal.say(command.val);
        break;
      case 'address':
        this.#terminal.say(`  ${command.val}`);
        break;
      case 'launch':
        return this.#opened(() => this.#launch(command.val));
      case 'open':
        return this.#opened(() => this.#open(command.val));
      case 'end-launch':
        this.#endLaunch();
        break;
      case 'answer':
        this.#answer(command.val);
        break;
      case 'ask':
        this.#ask(command.val);
        break;
      case 'limit':
        this.#setLimit(command.val);
        break;
      default:
      // This host draws no codes and counts down no time.
    }
    return undefined;
  }

  /**
   * @param {() => Promise<Launched['opened']>} open
   * @returns {Promise<Event>}
   */
  async #opened(open) {
    try {
      return { tag: 'opened', val: { tag: 'ok', val: await open() } };
    } catch (error) {
      return { tag: 'opened', val: { tag: 'err', val: /** @type {Error} */ (error).message } };
    }
  }

  /** @param {string} address of this login */
  async #launch(address) {
    this.#endLaunch();
    if (!this.#browser) return 'by-hand';
    this.#launched = await launch(this.#browser, address, this.#listener?.tellsPeers ?? false);
    return this.#launched.opened;
  }

  /**
   * @param {string} address
   * @returns {Promise<Launched['opened']>}
   */
  async #open(address) {
    if (!this.#browser) return 'by-hand';
    await this.#browser(address);
    return 'address';
  }

  #endLaunch() {
    this.#launched?.end();
    this.#launched = undefined;
  }

  /** @param {Question} question */
  #ask({ text, isHidden }) {
    this.#question?.abort();
    this.#question = new AbortController();
    const { signal } = this.#question;
    // Before the question is shown: from now on nothing that is typed is shown.
    const line = this.#terminal.ask(isHidden, signal);
    if (text !== '') this.#terminal.say(text);
    line.then(
      (val) => this.#happened({ tag: 'typed', val }, signal),
      () => {},
    );
  }

  /** @param {bigint} limitMs */
  #setLimit(limitMs) {
    this.#limit?.abort();
    this.#limit = new AbortController();
    const { signal } = this.#limit;
    const over = () => this.#happened({ tag: 'timed-out' }, signal);
    // A clock that fails ends the wait, too.
    this.#clock.sleep(Number(limitMs), signal).then(over, over);
  }

  /** Withdraws the question and the time limit. */
  #withdraw() {
    this.#question?.abort();
    this.#limit?.abort();
    this.#events = [];
  }

  /** @param {Answer} answer */
  #answer({ request, page }) {
    const visit = this.#unanswered.get(request);
    if (!visit) return;
    this.#unanswered.delete(request);
    this.#answers.push(visit.answer(page));
    void visit.gone?.then(() => this.#happened({ tag: 'closed', val: request }));
  }

  /**
   * @param {Visit} visit
   * @returns {Event}
   */
  #requested(visit) {
    const { target, cookies, peer = 'unknown', gone } = visit;
    const id = this.#requests;
    this.#requests += 1;
    this.#unanswered.set(id, visit);
    return {
      tag: 'requested',
      val: { id, target, cookies, peer, keepsConnection: gone !== undefined },
    };
  }

  /**
   * @param {Event} event
   * @param {AbortSignal} [withdrawn] whether it is of no interest any longer
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
      const visit = this.#listener?.take();
      if (visit) return this.#requested(visit);
      const event = this.#events.shift();
      if (event) return event;
      const woken = new Promise((resolve) => {
        this.#wake = () => resolve(undefined);
      });
      await Promise.race(this.#listener ? [woken, this.#listener.arrival()] : [woken]);
    }
  }
}

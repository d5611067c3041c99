// The address of the page: it shows a clip that comes with the program again, and Back and Forward move between clips.
/** @import {View} from './view.js' */

const PRIVATE = 'This clip is private: no link can show it. Send its report instead.';
const COPIED = 'Link copied.';
const SHOWN = 6000; // ms, of a message

export class Link {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer;
  /** @type {string | null} the query that belongs to what is shown */
  query = null;

  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.button = view.button('.s2s-copy');
    this.message = view.find('.s2s-copied');
  }

  /** @param {AbortSignal} signal */
  listen(signal) {
    this.button.addEventListener('click', () => this.copy(), {signal});
    if (!this.view.props.link) return;
    const turn = () => {
      if (location.search !== this.query) location.reload(); // the page opens with that address
    };
    addEventListener('popstate', turn, {signal});
  }

  /** Another clip is shown: Back leads to the one before. */
  load() {
    const {view} = this;
    this.button.hidden = !view.props.link;
    this.say('');
    if (!view.props.link) return;
    const asked = new URLSearchParams(location.search);
    const {clip, model} = view.payload.link ?? {};
    const isThere = asked.get('clip') === (clip ?? null) && [null, model].includes(asked.get('model'));
    if (this.query !== null && !isThere) history.pushState(history.state, '', this.address());
    this.query = location.search;
  }

  /** Of what is shown; of a visitor's own clip that of the page alone. @param {number} [second] that is selected */
  address(second) {
    const fields = new URLSearchParams(location.search);
    for (const name of ['clip', 'model', 'tab', 's']) fields.delete(name);
    for (const [name, value] of Object.entries(this.view.payload.link ?? {})) fields.set(name, value);
    if (second !== undefined) fields.set('s', String(second));
    const query = fields.toString();
    return location.pathname + (query && '?' + query);
  }

  async copy() {
    const {view} = this;
    if (!view.payload.link) {
      this.say(PRIVATE);
      return;
    }
    const address = new URL(this.address(view.selected), location.href).href;
    await navigator.clipboard.writeText(address).then(
      () => this.say(COPIED),
      () => this.say(address), // a page without a secure address may not use the clipboard
    );
  }

  /** @param {string} words */
  say(words) {
    this.message.textContent = words;
    clearTimeout(this.timer);
    if (words) this.timer = setTimeout(() => this.say(''), SHOWN);
  }
}

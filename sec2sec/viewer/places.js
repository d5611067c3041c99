// Occlusion: what single places of a second change in the prediction. The server is asked once for each second of the
// clip, when a person looks at it while nothing plays; the answer holds all targets and is kept.
/** @import {PlaceEffects, PlacesAnswer} from './types.d.ts' */
/** @import {View} from './view.js' */

export class Places {
  /** Of the clip that the server knows. */
  key = '';
  /** @type {Map<number, PlaceEffects>} second → its effects */
  effects = new Map();
  isAsking = false;
  /** @type {{second: number, words: string} | null} */
  failure = null;

  /** @param {View} view @param {() => boolean} isSeen whether a person could look @param {() => void} answered */
  constructor(view, isSeen, answered) {
    this.view = view;
    this.isSeen = isSeen;
    this.answered = answered;
  }

  load() {
    const key = this.view.payload.places?.key ?? '';
    if (key === this.key) return; // the same clip, of which more is known now
    this.key = key;
    this.effects = new Map();
    this.failure = null;
  }

  /** What is known of a second; the server is asked for the rest. @param {number} second */
  of(second) {
    const effects = this.effects.get(second);
    if (!effects && !this.isAsking && this.failure?.second !== second && this.mayAsk) this.ask(second);
    return effects;
  }

  /** Playback passes through seconds that nobody asked for; a pinned one was. */
  get mayAsk() {
    return this.isSeen() && (!this.view.player.isPlaying || this.view.pinned !== null);
  }

  /** One at a time: keys may repeat faster than answers come. @param {number} second */
  async ask(second) {
    const {key} = this;
    this.isAsking = true;
    const answer = await this.answer(key, second);
    this.isAsking = false;
    if (key === this.key) {
      if (answer.error === undefined) this.effects.set(second, answer);
      this.failure = answer.error === undefined ? null : {second, words: answer.error};
    }
    this.answered();
  }

  /** @param {string} key @param {number} second @returns {Promise<PlacesAnswer>} */
  async answer(key, second) {
    try {
      return await this.view.server.places({key, second});
    } catch {
      return {error: 'The server does not answer; select the second again.'};
    }
  }

  /** Why the effects of a second are not there. @param {number} second */
  waitingWords(second) {
    if (this.failure?.second === second) return `Error: ${this.failure.words}.`;
    if (this.mayAsk) return 'Measuring this second…';
    return 'Not measured yet: this second is measured once you pause the clip or pin the second.';
  }
}

// Watch it learn: the same validation clips after each epoch, with the label, the prediction and the attention.
/** @import {ClipFacts, Example, Run} from './types.d.ts' */
import {find, make} from '../../viewer/dom.js';
import {isNumber, secondSpan, wholePercent} from '../../viewer/numbers.js';

const STEP = 450; // ms that an epoch stays while they play
const TALLEST = 52; // px, as high as .tr-scale: a share of the column would count the words below the bar as well

export class Learning {
  /** Of each epoch, its clips.
   * @type {Example[][]} */
  epochs = [];
  /** @type {{[id: string]: ClipFacts}} */
  facts = {};
  /** The epoch that is shown, from 1 on; 0: none. */
  epoch = 0;
  /** Whether the newest epoch is shown as it comes. */
  follows = true;
  /** Whether the model has attention over seconds. */
  attends = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  playing;

  /** @param {HTMLElement} root @param {(epoch: number) => void} marked called with the epoch that is shown
   * @param {AbortSignal} signal */
  constructor(root, marked, signal) {
    this.root = root;
    this.marked = marked;
    this.box = find(root, '.tr-learn', HTMLElement);
    this.slider = find(root, '.tr-slider input', HTMLInputElement);
    this.words = find(root, '.tr-epoch', HTMLElement);
    this.targetChoice = find(root, '.tr-target', HTMLElement);
    this.target = find(this.targetChoice, 'select', HTMLSelectElement);
    this.playButton = find(root, '.tr-play', HTMLButtonElement);
    this.slider.addEventListener('input', () => this.onSlide(), {signal});
    this.target.addEventListener('change', () => this.drawClips(), {signal});
    this.playButton.addEventListener('click', () => this.togglePlay(), {signal});
  }

  /** Another training, of which nothing is known yet. */
  clear() {
    this.epochs = [];
    this.facts = {};
    this.epoch = 0;
    this.follows = true;
    this.stop();
  }

  /** @param {Run} run @param {boolean} isOther than the one before */
  draw({attends}, isOther) {
    const count = this.epochs.length;
    this.attends = attends;
    this.box.hidden = !count || !this.epochs[0].length;
    if (!count) {
      this.epoch = 0;
      this.marked(0);
      return;
    }
    const targets = Object.keys(this.epochs[0][0]?.prediction ?? {});
    if (isOther || this.target.options.length !== targets.length) {
      this.target.replaceChildren(...targets.map(name => make('option', {value: name}, name)));
    }
    this.targetChoice.hidden = !attends || targets.length < 2;
    this.slider.max = String(count);
    this.show(this.follows || this.epoch > count ? count : this.epoch);
  }

  // ---- which epoch ------------------------------------------------------------------------------------------------

  /** @param {number} epoch */
  show(epoch) {
    this.epoch = epoch;
    this.slider.value = String(epoch);
    this.drawClips();
    this.marked(epoch);
  }

  onSlide() {
    this.stop();
    const epoch = Number(this.slider.value);
    this.follows = epoch === this.epochs.length;
    this.show(epoch);
  }

  togglePlay() {
    if (this.playing) {
      this.stop();
      return;
    }
    this.follows = false;
    if (this.epoch >= this.epochs.length) this.show(1);
    this.showPlaying(true);
    this.playing = setInterval(() => {
      if (this.epoch < this.epochs.length) this.show(this.epoch + 1);
      else {
        this.stop();
        this.follows = true;
      }
    }, STEP);
  }

  stop() {
    clearInterval(this.playing);
    this.playing = undefined;
    this.showPlaying(false);
  }

  /** @param {boolean} isPlaying */
  showPlaying(isPlaying) {
    this.playButton.textContent = isPlaying ? '❚❚' : '▶';
    this.playButton.setAttribute('aria-label', isPlaying ? 'Pause' : 'Play all epochs');
  }

  // ---- one card a clip --------------------------------------------------------------------------------------------

  drawClips() {
    const clips = this.epochs[this.epoch - 1];
    if (!clips) return;
    const words = `epoch ${this.epoch} of ${this.epochs.length}`;
    this.slider.setAttribute('aria-valuetext', `after ${words}`);
    this.words.textContent = `After ${words}`;
    this.root.dataset.epoch = String(this.epoch);
    find(this.root, '.tr-clips', HTMLElement).replaceChildren(...clips.map((clip, i) => this.card(clip, i)));
    const keys = [key('tr-key-bar', 'prediction'), key('tr-key-label', 'label')];
    if (this.attends) keys.push(key('tr-key-attention', 'attention, share of the clip'));
    if (clips.some(({id}) => this.facts[id]?.planted)) {
      const mark = make('b', {class: 'tr-key-planted'}, '▲');
      keys.push(make('span', {}, mark, 'planted second: holds the cues'));
    }
    find(this.root, '.tr-keys', HTMLElement).replaceChildren(...keys);
  }

  /** @param {Example} clip @param {number} index */
  card({id, prediction, truth, attention}, index) {
    const facts = this.facts[id];
    const still = facts?.still ? make('img', {src: facts.still, alt: ''}) : null;
    const weights = attention?.[this.target.value];
    return make(
      'article',
      {class: 'tr-clip', 'aria-label': `Clip ${id}`},
      make('div', {class: 'tr-head'}, still, make('b', {}, id)),
      make('div', {}, ...Object.entries(prediction).map(([name, value]) => row(name, value, truth[name]))),
      weights ? bars(weights, facts?.planted ?? null, this.highest(index), this.target.value) : null,
    );
  }

  /** One scale for all epochs of a clip, so that bars can be compared while the slider moves. @param {number} index */
  highest(index) {
    const weights = this.epochs.flatMap(clips => Object.values(clips[index]?.attention ?? {}).flat());
    return weights.reduce((most, weight) => Math.max(most, weight), 0);
  }
}

/** @param {string} mark @param {string} words */
function key(mark, words) {
  return make('span', {}, make('i', {class: mark}), words);
}

/** @param {string} name @param {number} value @param {number | null | undefined} label */
function row(name, value, label) {
  const isLabelled = isNumber(label);
  const words = isLabelled ? `, label ${Number(label.toFixed(2))}` : ', no label';
  return make(
    'div',
    {class: 'tr-row'},
    make('span', {}, name),
    make(
      'div',
      {class: 'tr-bar', 'aria-hidden': 'true'},
      make('i', {style: `width:${100 * value}%`}),
      isLabelled ? make('u', {style: `left:${100 * label}%`}) : null,
    ),
    make('span', {class: 'tr-value'}, value.toFixed(2) + words),
  );
}

/** Attention to each second. @param {number[]} weights @param {number[] | null} planted seconds that hold the cues
 * @param {number} top end of the scale @param {string} target */
function bars(weights, planted, top, target) {
  const shares = weights.map((weight, second) => `${secondSpan(second)} ${wholePercent(weight)}`).join(', ');
  const truth = planted ? `; planted: ${planted.map(second => second + 1).join(', ')}` : '';
  const columns = weights.map((weight, second) => {
    const isPlanted = planted?.includes(second);
    return make(
      'span',
      {class: 'tr-second', title: `${secondSpan(second)}: ${wholePercent(weight)}`},
      make('i', {style: `height:${(TALLEST * weight) / top}px`}),
      make('small', {class: isPlanted ? 'is-planted' : null}, isPlanted ? `▲${second + 1}` : second + 1),
    );
  });
  return make(
    'div',
    {class: 'tr-attention', role: 'img', 'aria-label': `Attention for ${target} by second: ${shares}${truth}`},
    make('span', {class: 'tr-scale'}, make('small', {}, wholePercent(top)), make('small', {}, '0 %')),
    make('div', {class: 'tr-columns'}, ...columns),
    make('small', {class: 'tr-axis'}, 'second'),
  );
}

// "Why did it change?": between which versions or parts, and what each second's sound and picture add to the change.
/** @import {Lab, Why} from './types.d.ts' */
import {find, make} from '../../viewer/dom.js';
import {change, secondSpan, tickStep} from '../../viewer/numbers.js';

const MODALITIES = /** @type {const} */ (['sound', 'picture']);

export class WhyView {
  /** Of the edited clip. */
  seconds = 0;
  edits = 0;

  /** @param {HTMLElement} root @param {() => void} changed called when another question was chosen */
  constructor(root, changed) {
    this.root = root;
    this.of = find(root, '.lab-why-of', HTMLSelectElement);
    this.from = find(root, '.lab-why-from', HTMLSelectElement);
    this.to = find(root, '.lab-why-to', HTMLSelectElement);
    this.length = find(root, '.lab-why-length', HTMLInputElement);
    this.first = find(root, '.lab-why-first', HTMLInputElement);
    this.second = find(root, '.lab-why-second', HTMLInputElement);
    this.answer = find(root, '.lab-why-answer', HTMLElement);
    this.more = find(root, '.lab-why-more', HTMLDetailsElement);
    this.table = find(root, '.lab-why-table', HTMLElement);
    find(root, '.lab-why', HTMLElement).addEventListener('input', () => {
      this.show();
      changed();
    });
  }

  get isOfParts() {
    return this.of.value === 'parts';
  }

  /** What the server is asked. */
  get question() {
    if (this.isOfParts)
      return {parts: [this.first, this.second, this.length].map(input => Math.round(Number(input.value)))};
    return {versions: [Number(this.from.value), Number(this.to.value)]};
  }

  get canAsk() {
    if (this.isOfParts) return this.seconds > 1 && this.first.value !== this.second.value;
    return this.edits > 0 && this.from.value !== this.to.value;
  }

  /** Only the fields of the chosen question. */
  show() {
    find(this.root, '.lab-why-versions', HTMLElement).hidden = this.isOfParts;
    find(this.root, '.lab-why-parts', HTMLElement).hidden = !this.isOfParts;
  }

  /** @param {Lab} lab */
  draw(lab) {
    this.offerVersions(lab);
    this.offerParts(lab.seconds.length);
    this.show();
    const why = lab.why;
    this.more.hidden = !why || Boolean(why.refused);
    if (!why) this.answer.replaceChildren(hint(lab));
    else if (why.refused) this.answer.replaceChildren(make('p', {class: 'lab-refusal'}, 'Error: ' + why.refused));
    else {
      this.answer.replaceChildren(...charts(why), legend());
      this.table.replaceChildren(table(why));
    }
  }

  /** After an edit, from the clip as it is to the last one. @param {Lab} lab */
  offerVersions({edits}) {
    const words = ['the clip as it is', ...edits.map((edit, i) => `edit ${i + 1}: ${edit.words}`)];
    if (words.join('\n') === [...this.from.options].map(option => option.text).join('\n')) return;
    this.edits = edits.length;
    for (const select of [this.from, this.to]) {
      select.replaceChildren(...words.map((text, i) => make('option', {value: i}, text)));
    }
    this.to.value = String(edits.length);
  }

  /** Of a clip of another length its first half and its second. @param {number} seconds */
  offerParts(seconds) {
    if (seconds === this.seconds) return;
    this.seconds = seconds;
    const half = Math.max(1, Math.floor(seconds / 2));
    this.length.value = String(half);
    this.first.value = '0';
    this.second.value = String(seconds - half);
    this.length.max = String(seconds);
    this.first.max = this.second.max = String(seconds - 1);
  }
}

/** What can be asked. @param {Lab} lab */
function hint({edits}) {
  const words = edits.length
    ? 'Which seconds carry the change, and is it their sound or their picture?'
    : 'No edit yet: make one, or compare two parts of the clip.';
  return make('p', {class: 'lab-why-hint'}, words);
}

/** A sentence and bars on the time axis for each target, all on one scale. @param {Why} why */
function charts({targets}) {
  const reach = Math.max(...targets.flatMap(({sound, picture}) => [...sound, ...picture].map(Math.abs)), 1e-3);
  return targets.map(({name, sentence, sound, picture}) =>
    make(
      'div',
      {class: 'lab-why-target', 'data-target': name},
      make('p', {}, sentence),
      make(
        'div',
        {class: 'lab-why-plot', 'aria-hidden': 'true'},
        make('div', {class: 'lab-why-scale'}, ...[reach, 0, -reach].map(value => make('span', {}, scale(value)))),
        make('div', {class: 'lab-why-bars'}, ...sound.map((value, i) => column(i, value, picture[i], reach))),
        ticks(sound.length),
      ),
    ),
  );
}

/** A figure of the axis. @param {number} value */
function scale(value) {
  return value ? change(value, 3) : '0';
}

/** Two bars of a second, up from the middle or down. @param {number} second @param {number} sound
 * @param {number} picture @param {number} reach */
function column(second, sound, picture, reach) {
  const bar = (/** @type {number} */ value, /** @type {string} */ kind) => {
    const size = (50 * Math.abs(value)) / reach;
    return make('i', {class: `is-${kind}`, style: `height:${size.toFixed(2)}%;${value < 0 ? 'top' : 'bottom'}:50%`});
  };
  const title = `${secondSpan(second)}: sound ${change(sound, 3)}, picture ${change(picture, 3)}`;
  return make('div', {title}, bar(sound, 'sound'), bar(picture, 'picture'));
}

/** Where seconds begin. @param {number} count */
function ticks(count) {
  const step = tickStep(count);
  const places = Array.from({length: Math.floor(count / step) + 1}, (_, i) => i * step);
  const labels = places.map(second => make('span', {style: `left:${((100 * second) / count).toFixed(2)}%`}, second));
  return make('div', {class: 'lab-why-ticks'}, ...labels, make('em', {}, 'time, s'));
}

function legend() {
  const keys = MODALITIES.map(kind => make('span', {}, make('i', {class: `is-${kind}`}), ` ${kind}`));
  return make('p', {class: 'lab-why-legend', 'aria-hidden': 'true'}, ...keys, 'up: raises the prediction');
}

/** @param {Why} why */
function table({targets, changed, orders, error}) {
  const head = make('tr', {}, make('th', {scope: 'col'}, 'second'));
  for (const {name} of targets) {
    for (const kind of [...MODALITIES, 'both']) head.append(make('th', {scope: 'col'}, `${name}: ${kind}`));
  }
  const rows = changed.sound.map((_, i) => {
    const row = make('tr', {}, make('th', {scope: 'row'}, secondSpan(i)));
    for (const target of targets) {
      for (const kind of MODALITIES) row.append(make('td', {}, changed[kind][i] ? change(target[kind][i], 3) : 'same'));
      const isSame = MODALITIES.every(kind => !changed[kind][i]);
      row.append(make('td', {}, isSame ? 'same' : change(target.sound[i] + target.picture[i], 3)));
    }
    return row;
  });
  const all = make('tr', {class: 'is-sum'}, make('th', {scope: 'row'}, 'all'));
  for (const target of targets) {
    for (const kind of MODALITIES) all.append(make('td', {}, change(sum(target[kind]), 3)));
    all.append(make('td', {}, change(target.change, 3)));
  }
  const method = orders
    ? `estimated from ${orders} random orders, standard error at most ${error.toFixed(4)}`
    : 'exact Shapley values';
  const caption =
    `What each adds to the change of the prediction: ${method}. Before rounding the figures sum to the change. ` +
    'Same: the model reads the same in both. Seconds of two parts are counted from where each part begins.';
  return make('table', {}, make('caption', {}, caption), make('thead', {}, head), make('tbody', {}, ...rows, all));
}

/** @param {number[]} values */
function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

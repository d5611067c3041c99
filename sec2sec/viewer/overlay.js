// A grid of cells over a picture, each tinted by its number; below it the scale, what it says in words, and a table.
/** @import {Values} from './maps.js' */
import {make, radioGrid} from './dom.js';
import {entropyOf, largest} from './maps.js';
import {change, percent} from './numbers.js';

const MAX_CELLS_WITH_NUMBERS = 60;

export class Overlay {
  title = make('b');
  what = make('span');
  controls = make('div', {class: 's2s-controls'});
  grid = make('div', {class: 's2s-grid'});
  stage = make('div', {class: 's2s-stage'});
  scale = make('div', {class: 's2s-scale'});
  verdict = make('p', {class: 's2s-verdict', role: 'status'});

  /** name: of the table; label: of the grid; words: of a cell; tokenOf: the index of a cell's number.
   * @param {{name: string, label: string, rows: number, columns: number, words: (cell: number) => string,
   *   tokenOf: (cell: number) => number, pick: (cell: number) => void, redraw: () => void}} options */
  constructor({name, label, rows, columns, words, tokenOf, pick, redraw}) {
    this.name = name;
    this.rows = rows;
    this.columns = columns;
    this.words = words;
    this.tokenOf = tokenOf;
    this.table = make('div', {class: 's2s-table', role: 'region', tabindex: 0, 'aria-label': `${name}, as a table`});
    this.details = make('details', {ontoggle: redraw}, make('summary', {}, 'As a table'), this.table);
    this.box = make(
      'figure',
      {class: 's2s-over'},
      make('figcaption', {}, this.title, ' ', this.what),
      this.controls,
      this.stage,
      this.scale,
      this.verdict,
      this.details,
    );
    this.cells = radioGrid(this.grid, {rows, columns, label, pick});
  }

  get hasNumbers() {
    return this.cells.length <= MAX_CELLS_WITH_NUMBERS;
  }

  /** @param {string} title @param {string} what */
  head(title, what) {
    this.title.textContent = title;
    this.what.textContent = what;
  }

  /** Weights that sum to 1. `constant`: why they could not be others, or ''; `nearlyEven`: how many times an equal
   * share the largest must have to point anywhere; `drawsUniform`: draw them even so.
   * @param {Values} weights @param {{constant: string, nearlyEven: number, drawsUniform: boolean}} options */
  drawWeights(weights, {constant, nearlyEven, drawsUniform}) {
    const equal = 1 / weights.length;
    const most = Math.max(...weights);
    const isNothing = !(most > 0);
    const isFlat = isNothing || most < nearlyEven * equal;
    const isDrawn = !constant && (!isFlat || drawsUniform);
    const top = Math.max(most, 2 * equal);
    this.cells.forEach((cell, i) => {
      const weight = weights[this.tokenOf(i)];
      tint(cell, isDrawn ? weight / top : 0, isDrawn && this.hasNumbers ? String(Math.round(100 * weight)) : '');
      cell.setAttribute('aria-label', this.words(i) + (constant ? '' : `, weight ${percent(weight)}`));
    });
    this.box.classList.toggle('is-flat', !isDrawn);
    this.scale.hidden = !isDrawn;
    this.scale.replaceChildren(
      make('span', {}, '0'),
      make('i', {}, make('b', {style: `left:${(100 * equal) / top}%`})),
      make('span', {}, percent(top)),
      make('em', {}, `▏equal share ${percent(equal)}` + (this.hasNumbers ? ' · numbers in %' : '')),
    );
    this.say(constant || weightsInWords(most / equal, entropyOf(weights), {isNothing, isFlat, isDrawn}), {
      isFlat: Boolean(constant) || isFlat,
    });
    this.writeTable(i => percent(weights[this.tokenOf(i)]), 'share of the weight');
  }

  /** Changes of a prediction. `top`: the end of the scale; `small`: what is smaller is not drawn; `chosen`: a cell.
   * @param {Values} effects @param {{target: string, top: number, small: number, chosen: number}} options */
  drawEffects(effects, {target, top, small, chosen}) {
    const most = largest(effects);
    const isDrawn = most >= small;
    const unit = top < 0.0095 ? 1e-4 : 1e-3;
    const effectOf = (/** @type {number} */ cell) => effects[this.tokenOf(cell)];
    this.cells.forEach((cell, i) => {
      const effect = effectOf(i);
      const digits = Math.round(Math.abs(effect) / unit);
      const number = (digits ? (effect < 0 ? '−' : '+') : '') + (this.hasNumbers ? digits : '');
      tint(cell, isDrawn ? Math.abs(effect) / top : 0, isDrawn ? number : '', effect < 0 ? 'down' : 'up');
      cell.setAttribute('aria-label', `${this.words(i)}, changes the prediction by ${change(effect, 4)}`);
    });
    const numbers = this.hasNumbers ? ` · numbers in ${unit === 1e-3 ? '0.001' : '0.0001'}` : '';
    const axis = `− lowers, + raises the prediction of ${target}; its change, on its scale of 0 to 1${numbers}`;
    this.scale.hidden = !isDrawn;
    this.scale.replaceChildren(
      make('span', {}, `▼ ${change(-top, 4)}`),
      make('i', {class: 'is-signed'}),
      make('span', {}, `▲ ${change(top, 4)}`),
      make('em', {}, axis),
    );
    const strongest = this.cells.findIndex((_, i) => Math.abs(effectOf(i)) === most);
    const does = effectOf(strongest) < 0 ? 'lowers' : 'raises';
    const strongestWords = `Strongest: ${this.words(strongest)} ${does} it by ${most.toFixed(4)}.`;
    const chosenWords = `Chosen: ${this.words(chosen)}, ${change(effectOf(chosen), 4)}.`;
    const nothing = `Nothing here changes the prediction by ${small} or more, so it is not drawn.`;
    this.say(isDrawn ? `${strongestWords} ${chosenWords}` : nothing, {isFlat: !isDrawn});
    this.writeTable(i => change(effectOf(i), 4), `change of the prediction of ${target}`);
  }

  /** Nothing to draw yet. @param {string} words why */
  wait(words) {
    this.cells.forEach(cell => tint(cell, 0, ''));
    this.scale.hidden = true;
    this.table.replaceChildren();
    this.say(words, {isFlat: true});
  }

  /** @param {string} words @param {{isFlat: boolean}} state */
  say(words, {isFlat}) {
    this.verdict.textContent = words;
    this.verdict.classList.toggle('is-flat', isFlat);
  }

  /** @param {(cell: number) => string} text @param {string} caption */
  writeTable(text, caption) {
    if (!this.details.open) return;
    const columns = [...Array(this.columns).keys()];
    const rows = [...Array(this.rows).keys()].map(y => {
      const first = y * this.columns;
      const name = make('th', {scope: 'row'}, this.words(first).split(',')[0]);
      return make('tr', {}, name, ...columns.map(x => make('td', {}, text(first + x))));
    });
    const names = columns.map(x => make('th', {scope: 'col'}, this.words(x).split(', ')[1]));
    this.table.replaceChildren(
      make(
        'table',
        {},
        make('caption', {}, `${this.name}: ${caption}`),
        make('thead', {}, make('tr', {}, make('td'), ...names)),
        make('tbody', {}, ...rows),
      ),
    );
  }
}

/** @param {number} times an equal share @param {number} entropy
 * @param {{isNothing: boolean, isFlat: boolean, isDrawn: boolean}} state */
function weightsInWords(times, entropy, {isNothing, isFlat, isDrawn}) {
  if (isNothing) return 'Nothing here moves this prediction.';
  if (!isFlat) {
    const words = `Entropy ${entropy.toFixed(2)} (0: one cell, 1: all equal).`;
    return `The highest cell has ${times.toFixed(1)} × an equal share. ${words}`;
  }
  const most = `Nearly even: no cell has more than ${times.toFixed(2)} × an equal share`;
  return `${most}, so it points nowhere${isDrawn ? '.' : ' and is not drawn.'}`;
}

/** @param {HTMLElement} cell @param {number} weight 0 to 1 @param {string} text @param {'' | 'up' | 'down'} [sign] */
function tint(cell, weight, text, sign = '') {
  cell.style.setProperty('--w', weight.toFixed(3));
  cell.dataset.sign = sign;
  const label = /** @type {Element} */ (cell.firstElementChild);
  if (label.textContent !== text) label.textContent = text;
}

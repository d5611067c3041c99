// The same figures as text: a table whose rows seek, and a CSV of everything.
/** @import {Column, Target, Unit} from './types.d.ts' */
/** @import {View} from './view.js' */
import {find, findAll, make} from './dom.js';
import {isPeoples, percent, plain, secondSpan, signed} from './numbers.js';
import {saveAs} from './page.js';

/** @type {Record<Unit, (value: any) => string>} */
const FORMS = {share: percent, prediction: signed, logits: signed, value: plain, words: words => words || '–'};
/** @type {Record<Unit, string>} */
const UNITS = {
  share: 'share of the clip',
  prediction: 'units of the prediction',
  logits: 'logits',
  value: '',
  words: '',
};
const CAPTION =
  'Attention: share of the clip, sums to 100 %. Effect: prediction minus the prediction with ' +
  'that second replaced by the average of the training data; “of the sound” and “of the picture” replace only that ' +
  'part of it. Entropy of the co-attention: 0 for one cell, 1 for a uniform map. A click on a row goes to its second.';

export class FigureTable {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.box = view.find('.s2s-figures .s2s-table');
    this.choice = view.find('.s2s-all');
    this.all = find(this.choice, 'input', HTMLInputElement);
    this.fold = find(view.root, '.s2s-figures', HTMLDetailsElement);
    this.fold.addEventListener('toggle', () => this.scrollToRow());
  }

  draw() {
    const {view} = this;
    const {columns} = view.payload;
    const chosen = columns.filter(column => this.all.checked || column.main);
    const groups = [...new Set(chosen.map(column => column.target))].map(target => ({
      target,
      columns: chosen.filter(column => column.target === target),
    }));
    const dividers = new Set(groups.filter(group => group.target).map(group => group.columns[0]));
    const body = make('tbody');
    for (let second = 0; second < view.count; second++) body.append(this.row(second, chosen, dividers));
    this.box.setAttribute('aria-label', `All figures of ${view.payload.clip.name}, second by second`);
    this.choice.hidden = columns.every(column => column.main);
    this.box.replaceChildren(
      make('table', {}, make('caption', {}, CAPTION + scaleWords(view.payload.targets)), heads(groups), body),
    );
    this.markRow(view.selected);
  }

  /** @param {number} second @param {Column[]} columns @param {Set<Column>} dividers columns with a line before them */
  row(second, columns, dividers) {
    const {view} = this;
    const partial = view.payload.clip.partial && second === view.count - 1 ? ', partial' : '';
    return make(
      'tr',
      {'data-second': second, onclick: () => view.player.seek(second)},
      make('th', {scope: 'row'}, secondSpan(second) + partial),
      ...columns.map(column =>
        make('td', {class: dividers.has(column) ? 'is-first' : null}, FORMS[column.unit](column.values[second])),
      ),
    );
  }

  /** @param {number} second */
  markRow(second) {
    const {box} = this;
    for (const row of findAll(box, 'tr[aria-current]')) row.removeAttribute('aria-current');
    const row = box.querySelector(`tr[data-second="${second}"]`);
    if (!(row instanceof HTMLElement)) return;
    row.setAttribute('aria-current', 'true');
    this.scrollToRow();
  }

  /** Bring the marked row into the box; a folded table is not measured, which would lay it out. */
  scrollToRow() {
    const {box} = this;
    const row = box.querySelector('tr[aria-current]');
    if (!this.fold.open || !(row instanceof HTMLElement)) return;
    const head = find(box, 'thead', HTMLElement).offsetHeight; // sticky: it covers the top of the box
    const isAbove = row.offsetTop < box.scrollTop + head;
    const isBelow = row.offsetTop + row.offsetHeight > box.scrollTop + box.clientHeight;
    // never scrollIntoView: the page must not jump
    if (isAbove || isBelow) box.scrollTop = row.offsetTop - head - box.clientHeight / 3;
  }

  saveCsv() {
    const {csv, clip} = this.view.payload;
    const address = URL.createObjectURL(new Blob([csv], {type: 'text/csv'}));
    saveAs(address, clip.name.replace(/\.[^.]*$/, '') + '.sec2sec.csv');
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }
}

/** Of which scale the effects are shares, where people judged on another than 0 to 1. @param {Target[]} targets */
function scaleWords(targets) {
  const own = targets.filter(({scale}) => isPeoples(scale));
  const scales = own.map(({name, scale}) => `${name} ${scale.join('–')}`);
  return own.length ? ` Effects are shares of people’s scale (${scales.join(', ')}), of which 1 is all.` : '';
}

/** Two lines: targets over what is known of each; columns of no target stand over both.
 * @param {{target: string, columns: Column[]}[]} groups */
function heads(groups) {
  const top = make('tr', {}, make('th', {scope: 'col', rowspan: 2}, 'second'));
  const names = make('tr');
  for (const {target, columns} of groups) {
    if (!target) {
      top.append(...columns.map(({name}) => make('th', {scope: 'col', rowspan: 2}, name)));
      continue;
    }
    top.append(make('th', {scope: 'colgroup', colspan: columns.length, class: 'is-first'}, target));
    columns.forEach(({name, unit}, i) =>
      names.append(make('th', {scope: 'col', class: i ? null : 'is-first', title: UNITS[unit]}, name)),
    );
  }
  return make('thead', {}, top, names);
}

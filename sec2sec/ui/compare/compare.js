// A comparison: how far models agree, the seconds where they differ most, and several views held to one selection.
/** @import {Component} from '../../viewer/types.d.ts' */
/** @import {Agreement, Comparison, CompareProps} from './types.d.ts' */
import {find, findAll, make} from '../../viewer/dom.js';
import {secondSpan, signed} from '../../viewer/numbers.js';
import {valueOf, whenRemoved} from '../../viewer/page.js';
import {LinkedPlayers} from './players.js';

const CORRELATION =
  'Spearman’s rank correlation ρ over the seconds of this clip: 1 the same order, 0 none, −1 the ' +
  'reverse. From 0.6 on they agree, from 0.2 on partly.';

/** @param {Component<CompareProps>} component */
export function start(component) {
  const controller = new AbortController();
  const view = new CompareView(component, controller.signal);
  whenRemoved(component.element, () => controller.abort());
  view.load();
  component.watch('value', () => view.load());
}

class CompareView {
  /** @type {Comparison | null} */
  data = null;
  /** The second that the views show. */
  second = 0;
  /** Whether two clips are held at a pinned second. */
  isPinned = false;
  /** While a view is told of the other's selection, what it answers is no wish of the visitor. */
  isRelaying = false;

  /** @param {Component<CompareProps>} component @param {AbortSignal} signal */
  constructor({element, props}, signal) {
    this.element = element;
    this.props = props;
    this.root = find(element, '.cmp', HTMLElement);
    this.pairChoice = find(element, '.cmp-pairs', HTMLSelectElement);
    this.targetChoice = find(element, '.cmp-targets', HTMLSelectElement);
    this.players = new LinkedPlayers(signal);
    this.pairChoice.addEventListener('change', () => this.drawDifference(), {signal});
    this.targetChoice.addEventListener('change', () => this.drawDifference(), {signal});
    document.addEventListener('s2s-selected', ({detail}) => this.onSelected(detail), {signal});
  }

  /** @param {string} selector */
  find(selector) {
    return find(this.root, selector, HTMLElement);
  }

  get comparison() {
    if (!this.data) throw new Error('nothing is compared');
    return this.data;
  }

  /** Whether two clips are compared, which play together. */
  get isOfClips() {
    return this.data?.mode === 'clips';
  }

  load() {
    this.data = valueOf(this.props);
    this.root.hidden = !this.data;
    this.second = 0;
    this.isPinned = false;
    this.players.link(this.data && this.isOfClips ? this.data.sides : []);
    delete this.root.dataset.ready;
    if (!this.data) return;
    const {notes, pairs, sides} = this.data;
    this.find('.cmp-notes').replaceChildren(...notes.map(note => make('p', {class: 's2s-note'}, note)));
    const isRanked = pairs.length > 0 && pairs[0].targets.length > 0;
    this.find('.cmp-pair').hidden = !isRanked;
    if (isRanked) {
      const nameOf = (/** @type {number} */ side) => `${sides[side].letter} ${sides[side].title}`;
      fill(
        this.pairChoice,
        pairs.map(({first, second}) => `${nameOf(first)} and ${nameOf(second)}`),
      );
      fill(
        this.targetChoice,
        pairs[0].targets.map(({name}) => name),
      );
      this.find('.cmp-of').hidden = pairs.length < 2;
      this.drawAgreement();
      this.drawDifference();
    }
    const tables = findAll(this.element.closest('.compare') ?? this.element, '.side .s2s-figures');
    for (const table of tables) table.toggleAttribute('open', !this.isOfClips); // else it parts the lanes of two clips
    this.root.dataset.ready = 'true';
  }

  // ---- selection --------------------------------------------------------------------------------------------------

  /** @param {{player: string, second: number, pinned: boolean}} selection of one view */
  onSelected({player, second, pinned}) {
    const {data} = this;
    const side = data ? data.sides.findIndex(one => one.player === player) : -1;
    if (!data || side < 0) return;
    if (!this.isOfClips) this.mark(second);
    else if (!this.isRelaying && (pinned || this.isPinned)) {
      // unpinned, both views follow their players
      this.isPinned = pinned;
      this.tell({player: data.sides[1 - side].player, second, pinned});
    }
  }

  /** @param {{player: string, second: number, pinned?: boolean}} detail */
  tell(detail) {
    this.isRelaying = true;
    document.dispatchEvent(new CustomEvent('s2s-select', {detail}));
    this.isRelaying = false;
  }

  /** @param {number} second */
  mark(second) {
    this.second = second;
    for (const row of findAll(this.root, '.cmp-differ tbody tr')) {
      if (Number(row.dataset.second) === second) row.setAttribute('aria-current', 'true');
      else row.removeAttribute('aria-current');
    }
  }

  // ---- tables -----------------------------------------------------------------------------------------------------

  drawAgreement() {
    const {pairs, sides} = this.comparison;
    const isSeveral = pairs.length > 1;
    const rows = pairs.flatMap(({first, second, targets}) =>
      targets.map(({name, effect, attention}) => {
        const between = `${sides[first].letter} and ${sides[second].letter}`;
        const cells = [...(isSeveral ? [between] : []), effect, attention].map(words => make('td', {}, words));
        return make('tr', {}, make('th', {scope: 'row'}, name), ...cells);
      }),
    );
    const names = ['target', ...(isSeveral ? ['models'] : []), 'effects', 'attention'];
    const heads = names.map(words => make('th', {scope: 'col'}, words));
    this.find('.cmp-agree').replaceChildren(table(CORRELATION, heads, rows));
  }

  drawDifference() {
    const {pairs, sides} = this.comparison;
    const pair = pairs[Number(this.pairChoice.value) || 0];
    const agreement = pair.targets[Number(this.targetChoice.value) || 0];
    const {name, difference, order} = agreement;
    const [a, b] = [pair.first, pair.second].map(side => sides[side].letter);
    const top = Math.max(...difference.map(Math.abs), 1e-9);
    const names = ['second', `effect in ${a}`, `in ${b}`, `${b} − ${a}`];
    const heads = names.map(words => make('th', {scope: 'col'}, words));
    const caption =
      `Effect of each second on ${name}, in units of the prediction; the largest difference first. ` +
      `+: the second raises ${name} more in ${b} than in ${a}. A click goes to the second.`;
    const rows = order.map(second => this.differenceRow(agreement, second, top));
    const host = this.find('.cmp-differ');
    host.replaceChildren(table(caption, [...heads, make('td', {'aria-hidden': 'true'})], rows));
    host.scrollTop = 0;
    this.mark(this.second);
  }

  /** @param {Agreement} agreement @param {number} index of the second @param {number} top end of the bars */
  differenceRow({first, second, difference}, index, top) {
    const [{player}] = this.comparison.sides;
    const value = difference[index];
    const width = (Math.abs(value) / top) * 50;
    const words = secondSpan(index);
    const button = make('button', {type: 'button', class: 'cmp-go', 'aria-label': `go to ${words}`}, words);
    const bar = make('i', {class: value < 0 ? 'is-down' : 'is-up', style: `width:${width}%`});
    return make(
      'tr',
      {'data-second': index, onclick: () => this.tell({player, second: index})},
      make('th', {scope: 'row'}, button),
      make('td', {}, signed(first[index])),
      make('td', {}, signed(second[index])),
      make('td', {class: 'cmp-d'}, make('b', {}, signed(value))),
      make('td', {class: 'cmp-bar', 'aria-hidden': 'true'}, bar),
    );
  }
}

/** @param {HTMLSelectElement} select @param {string[]} options */
function fill(select, options) {
  select.replaceChildren(...options.map((words, i) => make('option', {value: i}, words)));
}

/** @param {string} caption @param {HTMLElement[]} heads @param {HTMLElement[]} rows */
function table(caption, heads, rows) {
  const head = make('thead', {}, make('tr', {}, ...heads));
  return make('table', {}, make('caption', {}, caption), head, make('tbody', {}, ...rows));
}

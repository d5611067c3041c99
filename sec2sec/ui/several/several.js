// A list of clips: a line for each, which is filled in its place, so that nothing jumps and the focus stays.
/** @import {Component} from '../../viewer/types.d.ts' */
/** @import {ClipLine, ClipList, SeveralProps} from './types.d.ts' */
import {find, make} from '../../viewer/dom.js';
import {valueOf, whenRemoved} from '../../viewer/page.js';

const FIRST = ['clip', 'length', 'state']; // columns before those of the targets
const SYMBOLS = new Map([
  ['trust', '✔'],
  ['careful', '◐'],
  ['do not trust', '✘'],
  ['nothing to judge', '∅'],
]);

/** @param {Component<SeveralProps>} component */
export function start(component) {
  const view = new SeveralView(component);
  view.load();
  component.watch('value', () => view.load());
  whenRemoved(component.element, () => view.controller.abort());
}

class SeveralView {
  controller = new AbortController();
  /** Number of what is shown; what is older comes too late. */
  serial = 0;
  /** @type {string[]} */
  targets = [];
  /** @type {HTMLTableRowElement[]} */
  rows = [];

  /** @param {Component<SeveralProps>} component */
  constructor({element, props, trigger}) {
    this.props = props;
    this.root = find(element, '.several', HTMLElement);
    this.head = find(this.root, 'thead tr', HTMLTableRowElement);
    this.body = find(this.root, 'tbody', HTMLTableSectionElement);
    this.trigger = trigger;
  }

  load() {
    /** @type {ClipList | null} */
    const list = valueOf(this.props);
    this.root.hidden = !list;
    if (!list || list.serial < this.serial) return;
    this.serial = list.serial;
    setText(find(this.root, '.several-learned', HTMLElement), list.learned);
    this.takeTargets(list.lines);
    list.lines.forEach((line, index) => this.fill(this.rows[index] ?? this.addRow(index), line));
    for (const row of this.rows.splice(list.lines.length)) row.remove();
    this.root.dataset.serial = String(list.serial);
  }

  /** A column for each target; the first clip that is done tells which there are. @param {ClipLine[]} lines */
  takeTargets(lines) {
    const targets = [...new Set(lines.flatMap(line => Object.keys(line.targets)))];
    if (this.head.childElementCount && targets.join('\n') === this.targets.join('\n')) return;
    this.targets = targets;
    const heads = [...FIRST, ...(targets.length ? targets : ['prediction'])];
    this.head.replaceChildren(...heads.map(head => make('th', {scope: 'col'}, head)));
    for (const row of this.rows) this.widen(row);
  }

  /** @param {number} index */
  addRow(index) {
    const row = this.body.insertRow();
    row.append(make('th', {scope: 'row'}, this.button(index)));
    this.widen(row);
    this.rows.push(row);
    return row;
  }

  /** @param {HTMLTableRowElement} row */
  widen(row) {
    while (row.cells.length < this.head.cells.length) row.insertCell();
  }

  /** Opens the clip of a line. @param {number} index */
  button(index) {
    const button = make('button', {type: 'button'});
    button.addEventListener(
      'click',
      () => {
        document.dispatchEvent(new CustomEvent('s2s-upload')); // no example is chosen any more
        for (const row of this.rows) row.removeAttribute('aria-current');
        this.rows[index].setAttribute('aria-current', 'true');
        this.trigger('select', {line: index});
      },
      {signal: this.controller.signal},
    );
    return button;
  }

  /** @param {HTMLTableRowElement} row @param {ClipLine} line */
  fill(row, line) {
    const button = find(row, 'button', HTMLButtonElement);
    const [, length, state, ...cells] = [...row.cells];
    setText(button, line.name);
    button.disabled = line.state !== 'done';
    row.dataset.state = line.state;
    setText(length, line.length);
    setText(state, line.state);
    cells.forEach((cell, at) => {
      const target = line.targets[this.targets[at]];
      const symbol = target && SYMBOLS.get(target.verdict);
      const reason = at ? '' : line.reason; // over all columns of targets
      setText(cell, target ? `${target.words}\n${symbol} ${target.verdict}` : reason);
      cell.title = target?.reason ?? '';
      cell.colSpan = reason ? cells.length : 1;
      cell.hidden = Boolean(line.reason) && at > 0;
    });
  }
}

/** Leaves what is the same as it is: a reader of the screen need not hear it again.
 * @param {HTMLElement} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// The seconds of the edited clip as tiles, and which of them are selected: by click, drag and keyboard.
/** @import {Second} from './types.d.ts' */
import {around, find, make} from '../../viewer/dom.js';
import {secondSpan} from '../../viewer/numbers.js';

export class Strip {
  /** @type {Set<number>} */
  picked = new Set();
  /** Where a range begins. */
  anchor = 0;
  /** The tile that Tab reaches. */
  focus = 0;
  /** @type {HTMLButtonElement[]} */
  tiles = [];
  /** @type {{from: number, before: Set<number>, moved: boolean} | null} */
  drag = null;

  /** @param {HTMLElement} root @param {() => void} changed called when the selection has changed */
  constructor(root, changed) {
    this.host = find(root, '.lab-strip', HTMLElement);
    this.words = find(root, '.lab-count', HTMLElement);
    this.changed = changed;
    this.host.addEventListener('pointerdown', event => this.press(event));
    this.host.addEventListener('pointerover', event => this.dragOver(event));
    this.host.addEventListener('keydown', event => this.onKey(event));
  }

  get count() {
    return this.tiles.length;
  }

  /** Indices of the selected seconds, in their order. */
  get selected() {
    return [...this.picked].filter(second => second < this.count).sort((a, b) => a - b);
  }

  /** @param {Second[]} seconds @param {(string | null)[]} stills JPEGs in base64 */
  draw(seconds, stills) {
    while (this.count > seconds.length) this.tiles.pop()?.remove();
    while (this.count < seconds.length) this.addTile();
    seconds.forEach(({still, marks}, i) => {
      const tile = this.tiles[i];
      const picture = find(tile, 'i', HTMLElement);
      if (tile.dataset.still !== String(still)) {
        tile.dataset.still = String(still);
        const image = still === null ? null : stills[still];
        picture.style.backgroundImage = image ? `url(data:image/jpeg;base64,${image})` : 'none';
      }
      picture.className = marks.includes('blurred') ? 'is-blurred' : '';
      find(tile, 'b', HTMLElement).textContent = secondSpan(i);
      find(tile, 'small', HTMLElement).textContent = marks.join(', ');
      tile.setAttribute('aria-label', secondSpan(i) + (marks.length ? ': ' + marks.join(', ') : ''));
    });
    this.picked = new Set(this.selected);
    this.anchor = Math.min(this.anchor, this.count - 1);
    this.focus = Math.min(this.focus, this.count - 1);
    this.mark();
  }

  addTile() {
    const second = this.count;
    const tile = make('button', {type: 'button', class: 'lab-tile'}, make('i'), make('b'), make('small'));
    tile.addEventListener('click', event => {
      // it ends a drag back to where that began; a key's click has no detail
      if (event.detail && this.drag?.moved) return;
      this.pick(second, event.shiftKey);
    });
    this.tiles.push(tile);
    this.host.append(tile);
  }

  mark() {
    this.tiles.forEach((tile, second) => {
      tile.setAttribute('aria-pressed', String(this.picked.has(second)));
      tile.tabIndex = second === this.focus ? 0 : -1;
    });
    const number = this.selected.length;
    this.words.textContent = number ? `${number} of ${this.count} selected` : 'none selected';
  }

  // ---- choosing ---------------------------------------------------------------------------------------------------

  /** These and no others. @param {number[]} seconds */
  select(seconds) {
    this.picked = new Set(seconds);
    this.mark();
    this.changed();
  }

  /** @param {'all' | 'none' | 'invert'} which */
  selectAll(which) {
    const all = [...this.tiles.keys()];
    this.select({all, none: [], invert: all.filter(second => !this.picked.has(second))}[which]);
  }

  /** What a new clip begins with. @param {number} second */
  startAt(second) {
    this.picked = new Set([second]);
    this.anchor = this.focus = second;
  }

  /** @param {number} second @param {boolean} isRange from where the last one was picked */
  pick(second, isRange) {
    if (isRange) {
      const isOn = this.picked.has(this.anchor) || !this.picked.has(second);
      for (const one of range(this.anchor, second)) {
        if (isOn) this.picked.add(one);
        else this.picked.delete(one);
      }
    } else if (!this.picked.delete(second)) this.picked.add(second);
    this.anchor = this.focus = second;
    this.mark();
    this.changed();
  }

  /** @param {Event} event */
  tileUnder(event) {
    return this.tiles.findIndex(tile => tile === around(event, '.lab-tile'));
  }

  /** A drag over the strip selects what it passes; back again gives it up. A finger scrolls the strip: for it, taps.
   * @param {PointerEvent} event */
  press(event) {
    const from = this.tileUnder(event);
    const isDrag = from >= 0 && !event.button && !event.shiftKey && event.pointerType !== 'touch';
    this.drag = isDrag ? {from, before: new Set(this.picked), moved: false} : null;
  }

  /** @param {PointerEvent} event */
  dragOver(event) {
    const {drag} = this;
    const to = this.tileUnder(event);
    if (!drag || !(event.buttons & 1) || to < 0 || (to === drag.from && !drag.moved)) return;
    drag.moved = true;
    this.anchor = this.focus = to;
    this.select([...drag.before, ...range(drag.from, to)]);
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const last = this.count - 1;
    const to = {ArrowLeft: this.focus - 1, ArrowRight: this.focus + 1, Home: 0, End: last}[event.key];
    if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const second = Math.min(Math.max(to, 0), last);
    if (event.shiftKey) {
      for (const one of range(this.focus, second)) this.picked.add(one); // the range grows with the arrow
      this.changed();
    }
    this.focus = second;
    this.mark();
    this.tiles[second].focus();
  }
}

/** Both ends and what lies between. @param {number} a @param {number} b */
function range(a, b) {
  const first = Math.min(a, b);
  return Array.from({length: Math.abs(a - b) + 1}, (_, i) => first + i);
}

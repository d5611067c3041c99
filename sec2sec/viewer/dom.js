// The page: finding, making and choosing elements.

/** The first element that matches, which must be there and of that kind.
 * @template {Element} E
 * @param {ParentNode} within @param {string} selector @param {new () => E} kind
 * @returns {E} */
export function find(within, selector, kind) {
  const element = within.querySelector(selector);
  if (!(element instanceof kind)) throw new Error(`${selector}: no ${kind.name} in this view`);
  return element;
}

/** @param {ParentNode} within @param {string} selector */
export function findAll(within, selector) {
  return /** @type {NodeListOf<HTMLElement>} */ (within.querySelectorAll(selector));
}

/** The nearest element around what an event happened on. @param {Event} event @param {string} selector */
export function around(event, selector) {
  const element = event.target instanceof Element ? event.target.closest(selector) : null;
  return element instanceof HTMLElement ? element : null;
}

/** @typedef {string | number | boolean | null | undefined | ((event: any) => void)} Attribute */

/** A new element. Functions listen (onclick), null and false leave an attribute out. Strings become text, never HTML:
 * names of clips and targets come from others.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {{[name: string]: Attribute}} [attributes]
 * @param {(Node | string | number | null | undefined)[]} children */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (name === 'class') element.className = String(value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.filter(child => child !== null && child !== undefined).map(asNodeOrText));
  return element;
}

/** A new element of a drawing. @param {string} tag @param {{[name: string]: string | number}} [attributes]
 * @param {(Node | string)[]} children */
export function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** @param {Node | string | number} child */
function asNodeOrText(child) {
  return typeof child === 'number' ? String(child) : child;
}

// ---- a grid of radio buttons over a picture -----------------------------------------------------------------------

/** One stop in the tab order; the arrow keys move within, not in time.
 * @param {HTMLElement} host
 * @param {{rows: number, columns: number, label: string, pick: (cell: number) => void}} options
 * @returns {HTMLButtonElement[]} row after row */
export function radioGrid(host, {rows, columns, label, pick}) {
  host.setAttribute('role', 'radiogroup');
  host.setAttribute('aria-label', label);
  host.style.gridTemplate = `repeat(${rows}, 1fr) / repeat(${columns}, 1fr)`;
  const cells = Array.from({length: rows * columns}, (_, i) => {
    const place = `row ${Math.floor(i / columns) + 1}, column ${(i % columns) + 1}`;
    const state = {role: 'radio', tabindex: i ? -1 : 0, 'aria-checked': 'false', 'aria-label': place};
    return make('button', {type: 'button', class: 's2s-cell', ...state, onclick: () => pick(i)}, make('span'));
  });
  host.replaceChildren(...cells);
  host.onkeydown = event => {
    const at = cells.findIndex(cell => cell === document.activeElement);
    const step = arrowStep(event.key, columns);
    if (at < 0 || !step) return;
    event.preventDefault();
    event.stopPropagation();
    const to = at + step;
    const sameRow = Math.abs(step) !== 1 || Math.floor(to / columns) === Math.floor(at / columns);
    if (to < 0 || to >= cells.length || !sameRow) return;
    pick(to);
    cells[to].focus();
  };
  return cells;
}

/** How far an arrow key moves in a grid; 0 for another key. @param {string} key @param {number} columns of the grid */
function arrowStep(key, columns) {
  return {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns}[key] ?? 0;
}

/** @param {HTMLButtonElement[]} cells @param {number} chosen @param {(cell: number) => boolean} isOn */
export function markChosen(cells, chosen, isOn) {
  cells.forEach((cell, i) => {
    cell.setAttribute('aria-checked', String(i === chosen));
    cell.tabIndex = i === chosen ? 0 : -1;
    cell.classList.toggle('is-on', isOn(i));
  });
}

// The page with a line for each clip: sorted by its columns and filtered, by mouse and keyboard.
import {find} from './dom.js';

/** Brings the page to life. */
export function openIndex() {
  const table = document.querySelector('#clips');
  if (!(table instanceof HTMLTableElement)) return; // no clip is known yet
  const body = table.tBodies[0];
  const lines = [...body.rows];
  const heads = [...table.querySelectorAll('thead th[scope=col]')];
  heads.forEach((head, column) => {
    find(head, 'button', HTMLButtonElement).addEventListener('click', () => sort(heads, body, lines, column));
  });
  const form = find(document, '#filter', HTMLFormElement);
  form.addEventListener('input', () => filter(lines));
  form.addEventListener('submit', event => event.preventDefault());
  filter(lines); // a browser that goes back fills the form again
}

/** A second press turns the order round. Lines that are equal stay in the order of the list.
 * @param {Element[]} heads @param {HTMLTableSectionElement} body @param {HTMLTableRowElement[]} lines
 * @param {number} column */
function sort(heads, body, lines, column) {
  const up = heads[column].getAttribute('aria-sort') !== 'ascending';
  for (const head of heads) head.removeAttribute('aria-sort');
  heads[column].setAttribute('aria-sort', up ? 'ascending' : 'descending');
  const sorted = [...lines].sort((one, other) => (up ? 1 : -1) * compared(one.cells[column], other.cells[column]));
  body.append(...sorted);
}

/** By number where a cell has one, else as people sort names. @param {HTMLElement} one @param {HTMLElement} other */
function compared(one, other) {
  const [left, right] = [one.dataset.value, other.dataset.value];
  if (left !== undefined && right !== undefined) return Number(left) - Number(right);
  return words(one).localeCompare(words(other), undefined, {numeric: true, sensitivity: 'base'});
}

/** @param {HTMLElement} cell */
function words(cell) {
  return cell.textContent ?? '';
}

/** Shows the lines that the form asks for. @param {HTMLTableRowElement[]} lines */
function filter(lines) {
  const wanted = find(document, '#words', HTMLInputElement).value.trim().toLowerCase();
  const verdict = find(document, '#verdict', HTMLSelectElement).value;
  const noted = find(document, '#noted', HTMLInputElement).checked;
  let shown = 0;
  for (const line of lines) {
    const note = words(line.cells[line.cells.length - 1]);
    const text = `${words(line.cells[0])} ${note}`.toLowerCase();
    const has = !verdict || line.dataset.verdicts?.includes(`|${verdict}|`);
    line.hidden = !(text.includes(wanted) && has && (!noted || note));
    shown += Number(!line.hidden);
  }
  find(document, '#shown', HTMLElement).textContent = `${shown} of ${lines.length} clips`;
}

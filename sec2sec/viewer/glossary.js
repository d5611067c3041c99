// Words that are explained where they stand: under the pointer, and for those who come by keyboard.
import {around, make} from './dom.js';

let count = 0;

/** Words with those of the glossary explained; the longest term wins where several begin at one place.
 * @param {string} words @param {{[term: string]: string}} [glossary] @returns {(Node | string)[]} */
export function explained(words, glossary = {}) {
  const terms = Object.keys(glossary).sort((a, b) => b.length - a.length);
  if (!terms.length) return [words];
  const pattern = new RegExp(`\\b(${terms.map(escaped).join('|')})\\b`, 'gi');
  return words.split(pattern).map((piece, i) => (i % 2 ? term(piece, meaningOf(piece, glossary)) : piece));
}

/** @param {string} word @param {{[term: string]: string}} glossary */
function meaningOf(word, glossary) {
  return glossary[Object.keys(glossary).find(name => name.toLowerCase() === word.toLowerCase()) ?? ''];
}

/** A word that says what it means. @param {string} word @param {string} meaning */
function term(word, meaning) {
  const id = `s2s-term-${(count += 1)}`;
  const description = make('span', {id, hidden: true}, meaning);
  return make('dfn', {class: 's2s-term', tabindex: 0, 'aria-describedby': id}, word, description);
}

/** @param {string} text */
function escaped(text) {
  return text.replace(/[.*+?^$()|[\]{}]/g, '\\$&');
}

/** The meaning is shown beside the word that is pointed at or has the focus; Escape takes it away.
 * @param {HTMLElement} root @param {AbortSignal} signal */
export function showMeanings(root, signal) {
  const tip = make('div', {class: 's2s-meaning', 'aria-hidden': 'true', hidden: true});
  root.append(tip);
  const show = (/** @type {Event} */ event) => {
    const word = around(event, '.s2s-term');
    tip.hidden = !word;
    if (!word) return;
    tip.textContent = word.lastElementChild?.textContent ?? '';
    const {left, bottom} = word.getBoundingClientRect();
    const most = document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(Math.min(left, most), 8)}px`;
    tip.style.top = `${bottom + 4}px`;
  };
  const hide = () => (tip.hidden = true);
  for (const name of ['pointerover', 'focusin']) root.addEventListener(name, show, {signal});
  for (const name of ['pointerleave', 'focusout']) root.addEventListener(name, hide, {signal});
  window.addEventListener('scroll', hide, {capture: true, passive: true, signal});
  root.addEventListener('keydown', event => event.key === 'Escape' && hide(), {signal});
}

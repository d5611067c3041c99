// The tiles of the example clips: a press chooses one, an upload chooses none of them.
/** @import {Component} from '../viewer/types.d.ts' */
import {around, findAll} from '../viewer/dom.js';

/** @param {Component<{}>} component */
export function start({element, trigger}) {
  /** @param {HTMLElement | null} chosen */
  const choose = chosen => {
    for (const tile of findAll(element, 'button')) tile.setAttribute('aria-pressed', String(tile === chosen));
  };
  element.addEventListener('click', event => {
    const tile = around(event, 'button');
    if (!tile) return;
    choose(tile);
    trigger('select', {index: Number(tile.dataset.index)});
  });
  document.addEventListener('s2s-upload', () => choose(null));
  if (!element.closest('#tiles')) return;
  // In Inspect, where clips also come from links and from other tabs: the tile of what is shown
  document.addEventListener('s2s-loaded', ({detail: {player, isShown, link}}) => {
    if (player === 'player' && isShown) choose(link ? tileOf(element, link) : null);
  });
}

/** @param {HTMLElement} element @param {{clip: string, model: string}} link */
function tileOf(element, link) {
  const tiles = [...findAll(element, 'button')].filter(tile => tile.dataset.name === link.clip);
  return tiles.find(tile => !tile.dataset.known || tile.dataset.known === link.model) ?? null;
}

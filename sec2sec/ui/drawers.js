// The drawers of the Inspect tab: each lies over the page under its button, so that opening and folding move nothing.
import {around, findAll} from '../viewer/dom.js';

/** @param {AbortSignal} signal */
export function takeDrawers(signal) {
  offer(Boolean(document.querySelector('#view .s2s-body:not([hidden])')));
  document.addEventListener('click', event => onClick(event), {signal});
  document.addEventListener('keydown', event => onKey(event), {signal});
  document.addEventListener(
    's2s-loaded',
    ({detail}) => {
      if (detail.player !== 'player') return;
      offer(detail.isShown);
      if (!detail.isSame) close(); // the answer is there, or what was to be saved is gone
    },
    {signal},
  );
}

/** Only what is explained can be saved, or laid beside what people said. @param {boolean} isShown an explanation */
function offer(isShown) {
  for (const button of document.querySelectorAll(
    'button[data-drawer]:is([data-drawer=ratings], [data-drawer=downloads])',
  )) {
    if (button instanceof HTMLButtonElement) button.disabled = !isShown;
  }
}

/** @param {string | null} name of the one that is open from now on */
function open(name) {
  if (name) document.body.dataset.drawer = name;
  else delete document.body.dataset.drawer;
  for (const button of findAll(document, '[data-drawer][aria-expanded]')) {
    button.setAttribute('aria-expanded', String(button.dataset.drawer === name));
  }
}

/** A press on its button opens or folds one, a press beside it folds it. @param {Event} event */
function onClick(event) {
  const button = around(event, 'button[data-drawer]');
  const current = document.body.dataset.drawer;
  if (button) open(button.dataset.drawer === current ? null : (button.dataset.drawer ?? null));
  else if (current && event.isTrusted && isBeside(event)) open(null); // a script's press is a download
}

/** What was pressed may be gone by now, as an option of a list: then it was not beside. @param {Event} event */
function isBeside(event) {
  return event.target instanceof Element && event.target.isConnected && !event.target.closest('.drawer');
}

/** Escape folds what is open. @param {KeyboardEvent} event */
function onKey(event) {
  if (event.key === 'Escape' && !event.defaultPrevented) close(true);
}

/** Folds what is open; its button has the focus again where a part of it had, or where that is asked for.
 * @param {boolean} [refocus] */
function close(refocus = Boolean(document.activeElement?.closest('.drawer'))) {
  const current = document.body.dataset.drawer;
  if (!current) return;
  open(null);
  const button = document.querySelector(`button[data-drawer=${current}]`);
  if (refocus && button instanceof HTMLElement) button.focus();
}

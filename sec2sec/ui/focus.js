// The focus never falls off the page: when the button that has it goes, or can be pressed no more, the one that took
// its place gets it, as Stop does from Explain.
import {around, findAll} from '../viewer/dom.js';

/** @param {AbortSignal} signal */
export function keepFocus(signal) {
  /** @type {MutationObserver | null} */
  let watching = null;
  document.addEventListener(
    'focusin',
    event => {
      const row = around(event, '.actions');
      watching?.disconnect();
      watching = null;
      if (!row) return;
      watching = new MutationObserver(() => passOn(row));
      watching.observe(row, {childList: true, subtree: true, attributes: true, attributeFilter: ['class', 'disabled']});
    },
    {signal},
  );
  // whoever presses elsewhere has left the row, also where that takes no focus
  document.addEventListener('pointerdown', event => !around(event, '.actions') && watching?.disconnect(), {signal});
  signal.addEventListener('abort', () => watching?.disconnect());
}

/** @param {HTMLElement} row of buttons, one of which had the focus last */
function passOn(row) {
  const holder = document.activeElement;
  const isLost =
    holder === document.body || (holder instanceof HTMLElement && row.contains(holder) && !canHold(holder));
  if (!isLost) return;
  const buttons = [...findAll(row, 'button')].filter(canHold);
  const next = buttons.find(button => button.matches('.stop')) ?? buttons[0];
  next?.focus({preventScroll: true});
}

/** @param {HTMLElement} button */
function canHold(button) {
  return Boolean(button.offsetParent) && !button.matches(':disabled');
}

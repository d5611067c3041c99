// What the Inspect tab does in the page itself: drawers, the focus, and presses meant for the button that stood there.
/** @import {Component} from '../viewer/types.d.ts' */
import {around} from '../viewer/dom.js';
import {whenRemoved} from '../viewer/page.js';
import {takeDrawers} from './drawers.js';
import {keepFocus} from './focus.js';
import {revealAnswers} from './reveal.js';

const DOUBLE_CLICK = 600; // ms; Stop takes the place of Explain at the first of two clicks

/** @param {Component<{}>} component */
export function start({element}) {
  const controller = new AbortController();
  const {signal} = controller;
  whenRemoved(element, () => controller.abort());
  takeDrawers(signal);
  keepFocus(signal);
  revealAnswers(signal);
  let started = -Infinity;
  document.addEventListener(
    'click',
    event => {
      if (around(event, '.actions button.primary')) started = event.timeStamp;
      else if (around(event, '.actions button.stop') && event.timeStamp - started < DOUBLE_CLICK) {
        event.stopImmediatePropagation();
        event.preventDefault();
      }
    },
    {capture: true, signal},
  );
}

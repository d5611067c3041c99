// On a narrow page the answer stands below what asks for it: when it comes, the page goes there.
import {around} from '../viewer/dom.js';

const NARROW = '(max-width: 860px)'; // as in inspect.css

/** @param {AbortSignal} signal */
export function revealAnswers(signal) {
  let isAwaited = false; // somebody asked, and has not moved the page since
  /** @param {boolean} is */
  const await_ = is => () => {
    isAwaited = is;
  };
  document.addEventListener(
    'click',
    event => {
      if (around(event, '#explain, #tiles button')) isAwaited = true;
      else if (around(event, '#stop')) isAwaited = false;
    },
    {capture: true, signal},
  );
  document.addEventListener('s2s-upload', await_(true), {signal});
  for (const moved of ['wheel', 'touchmove']) document.addEventListener(moved, await_(false), {signal, passive: true});
  document.addEventListener(
    's2s-loaded',
    ({detail}) => {
      if (detail.player !== 'player' || !detail.isShown || !isAwaited) return;
      isAwaited = false;
      if (matchMedia(NARROW).matches) requestAnimationFrame(reveal); // the cards come with the same answer
    },
    {signal},
  );
}

function reveal() {
  const player = document.querySelector('#player');
  const cards = document.querySelector('#predictions');
  if (!player || !cards) return;
  const {top} = cards.getBoundingClientRect();
  // below the player, which stays at the top
  scrollBy({top: top - player.getBoundingClientRect().height - 8, behavior: 'instant'});
}

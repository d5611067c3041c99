// Keys: those that play, seek and step, and the dialog that lists them.
/** @import {View} from './view.js' */
import {around, findAll, make} from './dom.js';

const SKIP = 5; // s, of j and l
const JUMP = 10; // seconds, of Shift and an arrow
const TYPING = 'input:not([type=checkbox], [type=range]), textarea, select, [contenteditable], dialog';
const OWN_KEYS = 'input, summary, .s2s-grid, .s2s-table'; // which need Space and the arrows themselves
/** @type {[keys: string, words: string][]} */
const LIST = [
  ['Space or k', 'play or pause'],
  ['j · l', `${SKIP} seconds back · forward`],
  ['← · →', 'the second before · the next second'],
  ['Shift ← · →', `${JUMP} seconds back · forward`],
  ['Home · End', 'the first · the last second'],
  [', · .', 'one frame back · forward'],
  ['m', 'sound off or on'],
  ['f', 'full screen on or off'],
  ['?', 'this list'],
];

/** @param {View} view @param {AbortSignal} signal */
export function takeKeys(view, signal) {
  // In the capture phase: the icons of gradio's player would take every key for a press, the Tab key too.
  const options = {capture: true, signal};
  document.addEventListener('keydown', event => keepFromIcons(view, event), options);
  document.addEventListener('keydown', event => onKey(view, event), {signal});
  view.button('.s2s-help').addEventListener('click', () => showHelp(view), {signal});
}

/** An icon that stands for a button is pressed by Enter and Space alone; every other key is a shortcut or the page's.
 * @param {View} view @param {KeyboardEvent} event */
function keepFromIcons(view, event) {
  if (!around(event, '[role=button].icon')) return;
  if (event.key === 'Enter' || event.key === ' ') {
    event.preventDefault(); // else Space scrolls the page as well
    return;
  }
  event.stopPropagation();
  onKey(view, event);
}

/** @param {View} view @param {KeyboardEvent} event */
function onKey(view, event) {
  if (!view.data || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
  if (around(event, TYPING) || !isFor(view, event)) return;
  if (!shortcut(view, event.key) && !move(view, event)) return;
  event.preventDefault();
}

/** Whether a key is this view's: of several on a page, it is the one that has the focus, or the first in sight.
 * @param {View} view @param {KeyboardEvent} event */
function isFor({root}, event) {
  const own = around(event, '.s2s');
  if (own) return own === root;
  return root === [...findAll(document, '.s2s[data-ready][data-clip]')].find(one => one.offsetParent);
}

/** Keys that no control needs for itself. @param {View} view @param {string} key */
function shortcut(view, key) {
  const {player, playback} = view;
  const act = {
    k: () => player.togglePlay(),
    j: () => player.skip(-SKIP),
    l: () => player.skip(SKIP),
    ',': () => player.step(-1),
    '.': () => player.step(1),
    m: () => playback.toggleMuted(),
    f: () => playback.toggleFullScreen(),
    '?': () => showHelp(view),
  }[key];
  act?.();
  return Boolean(act);
}

/** Space and the keys that move, unless what has the focus needs them itself.
 * @param {View} view @param {KeyboardEvent} event */
function move(view, event) {
  const {root, props, player, timeline} = view;
  // a button that asks for an explanation has the focus after it, and needs Space alone
  const isFree = event.target === document.body || Boolean(around(event, '.actions'));
  const isOurs = around(event, '.s2s') === root || isFree;
  if (!(isOurs || around(event, '#' + props.video_id)) || around(event, OWN_KEYS)) return false;
  const step = event.shiftKey ? JUMP : 1;
  const at = view.selected;
  const to = {ArrowLeft: at - step, ArrowRight: at + step, Home: 0, End: view.count - 1}[event.key];
  if (to !== undefined) player.seek(to);
  else if (event.key === ' ' && !around(event, 'button:not(.s2s-thumb), [role=button]')) player.togglePlay();
  else return false;
  if (to !== undefined && around(event, '.s2s-thumbs')) {
    timeline.thumbs.find(({button}) => button.tabIndex === 0)?.button.focus();
  }
  return true;
}

/** The list of keys; the browser gives the focus back when it is closed. @param {View} view */
function showHelp(view) {
  if (document.querySelector('dialog.s2s-keys-help')) return;
  const before = document.activeElement;
  const rows = LIST.map(([keys, words]) =>
    make('tr', {}, make('th', {scope: 'row'}, make('kbd', {}, keys)), make('td', {}, words)),
  );
  const close = make('button', {type: 'button', class: 's2s-button', onclick: () => dialog.close()}, 'Close');
  const dialog = make(
    'dialog',
    {class: 's2s-keys-help', 'aria-label': 'Keys'},
    make('h2', {}, 'Keys'),
    make('table', {}, make('tbody', {}, ...rows)),
    close,
  );
  dialog.addEventListener('close', () => {
    dialog.remove();
    const home = before instanceof HTMLElement && before !== document.body ? before : view.button('.s2s-help');
    home.focus();
  });
  view.root.append(dialog);
  dialog.showModal();
}

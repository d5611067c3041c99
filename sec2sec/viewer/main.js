// The synchronised view of one clip: what it listens to on its page.
/** @import {Component, ViewProps, ViewServer} from './types.d.ts' */
import {around} from './dom.js';
import {showMeanings} from './glossary.js';
import {watchTheme, whenRemoved} from './page.js';
import {takeKeys} from './shortcuts.js';
import {View} from './view.js';

const MEDIA_EVENTS = [
  'play',
  'playing',
  'pause',
  'ended',
  'seeking',
  'seeked',
  'timeupdate',
  'loadedmetadata',
  'emptied',
  'error',
  'volumechange',
];
const DRAG_PX = 8; // a press that moves farther is no click

/** @param {Component<ViewProps, ViewServer>} component */
export function start(component) {
  const view = new View(component);
  const {element, watch} = component;
  const controller = new AbortController();
  const {signal} = controller;
  followVideo(view, signal);
  takePointer(view, signal);
  takeKeys(view, signal);
  takeButtons(view, signal);
  view.playback.listen(signal);
  view.link.listen(signal);
  view.film.listen(signal);
  showMeanings(view.root, signal);
  followComparison(view, signal);

  const sizes = new ResizeObserver(() => {
    const width = view.timeline.box.clientWidth;
    if (!view.data || !width || width === view.timeline.axis.width) return;
    view.timeline.draw();
    view.coattention.redraw();
  });
  sizes.observe(view.timeline.box);
  const theme = watchTheme(() => {
    if (!view.data) return;
    view.timeline.draw();
    view.coattention.redraw();
  });
  whenRemoved(element, () => {
    controller.abort();
    view.live.remove();
    for (const observer of [sizes, theme, view.coattention.sight]) observer.disconnect();
  });

  view.load();
  watch('value', () => view.load());
}

/** Media events don't bubble, but the capture phase sees them, and gradio may remount the <video> at any time.
 * @param {View} view @param {AbortSignal} signal */
function followVideo(view, signal) {
  const {player, props} = view;
  const button = view.button('.s2s-play');
  for (const name of MEDIA_EVENTS) {
    document.addEventListener(
      name,
      event => {
        const video = event.target;
        if (!(video instanceof HTMLVideoElement) || !video.closest('#' + props.video_id) || !view.data) return;
        if (['seeked', 'emptied', 'error'].includes(name)) player.target = null;
        if (name === 'loadedmetadata') {
          player.onLoaded();
          view.playback.apply();
          view.live.load();
          view.coattention.drawSoon();
        }
        if (name === 'volumechange') view.playback.show();
        if (name === 'play') {
          player.onPlay();
          player.watchFrames();
        }
        const isPlaying = !video.paused && !video.ended;
        if (button.dataset.playing !== String(isPlaying)) {
          button.dataset.playing = String(isPlaying);
          button.textContent = isPlaying ? '❚❚' : '▶';
          button.setAttribute('aria-label', isPlaying ? 'Pause' : 'Play');
        }
        if (!isPlaying) view.coattention.drawSoon(); // what playback passed by may be asked for now
        player.kick();
      },
      {capture: true, signal},
    );
  }
}

/** A click anywhere in the lanes goes to its second: a short bar is as easy to hit as a tall one.
 * @param {View} view @param {AbortSignal} signal */
function takePointer(view, signal) {
  const {timeline, player} = view;
  /** @type {{x: number, y: number} | null} */
  let pressed = null;
  view.root.addEventListener(
    'pointerdown',
    event => {
      const isInLanes = around(event, '.s2s-lanes, .s2s-stack') && !around(event, '.s2s-thumb, .s2s-fold, .s2s-name');
      pressed = isInLanes ? {x: event.clientX, y: event.clientY} : null;
    },
    {capture: true, signal},
  );
  timeline.box.addEventListener('pointermove', event => timeline.drawTip(view.data && event), {signal});
  timeline.box.addEventListener('pointerleave', () => timeline.drawTip(null), {signal});
  document.addEventListener(
    'pointerup', // on the document: plotly lays a cover over the page while pressed
    event => {
      const from = pressed;
      pressed = null;
      if (!view.data || !from || event.button) return;
      if (Math.hypot(event.clientX - from.x, event.clientY - from.y) > DRAG_PX) return;
      const time = timeline.timeUnder(event);
      if (time >= 0 && time < view.count) player.seek(Math.floor(time));
    },
    {capture: true, signal},
  );
  timeline.slider.addEventListener(
    'pointermove',
    event => {
      if (!view.data || !(event.buttons & 1)) return;
      const second = view.clamp(Math.floor(timeline.timeUnder(event)));
      if (second !== player.target) player.seek(second);
    },
    {signal},
  );
}

/** @param {View} view @param {AbortSignal} signal */
function takeButtons(view, signal) {
  const {player, timeline} = view;
  /** @param {string} selector @param {() => void} act */
  const click = (selector, act) => view.find(selector).addEventListener('click', act, {signal});
  click('.s2s-play', () => player.togglePlay());
  click('.s2s-pin', () => {
    view.pin(view.pinned === null);
  });
  click('.s2s-loop', () => player.setLoop(!player.loop));
  click('.s2s-csv', () => view.table.saveCsv());
  click('.s2s-in', () => timeline.zoom(0.5));
  click('.s2s-out', () => timeline.zoom(2));
  view.live.box.addEventListener('change', () => view.live.toggled(), {signal});
  view.lanes.fold.addEventListener('toggle', () => view.lanes.toggled(), {signal});
  view.find('.s2s-all input').addEventListener('change', () => view.table.draw(), {signal});
}

/** A comparison holds several views to one selection: the event names the player of the view that it is for.
 * @param {View} view @param {AbortSignal} signal */
function followComparison(view, signal) {
  document.addEventListener(
    's2s-select',
    event => {
      const {player, second, pinned} = event.detail;
      if (player !== view.props.video_id || !view.data) return;
      if (pinned === undefined) view.player.seek(second);
      else view.setPinned(pinned ? view.clamp(second) : null);
    },
    {signal},
  );
}

// Wiring: the value from Python, media events, pointer, keyboard, theme and size.
const controller = new AbortController(), listen = {signal: controller.signal};

function load() {
  let data = null;
  try { data = props.value ? JSON.parse(props.value) : null; } catch { data = null; }
  S.data = data;
  Object.assign(S, {current: -1, pinned: null, cursor: 0});
  T.target = null;
  $('.s2s-empty').hidden = Boolean(data);
  $('.s2s-body').hidden = !data;
  delete root.dataset.ready;
  if (!data) { if (T.gd) { T.P.purge(T.gd); T.gd = null; } return; }
  T.view = [0, count()];
  S.current = 0;
  root.dataset.current = 0;
  setLoop(false);
  pinWords();
  $('.s2s-zoom').hidden = count() <= 30;
  $('.s2s-out').disabled = true;
  scrub.setAttribute('aria-valuemin', 1);
  scrub.setAttribute('aria-valuemax', count());
  L.reference = 0;
  drawLegend();
  drawUnfamiliar();
  drawTable();
  coLoad();
  drawTimeline().then(() => { linked(); root.dataset.ready = 'true'; }, error => console.error(error));
}

// A link carries the time and the pinned second: #t=3&s=5, both in seconds of the analysed part.
let arrived = false;
function linked() {  // of the first clip on this page: what is in the link afterwards, we wrote ourselves
  if (arrived || !props.link) return;
  arrived = true;
  const said = new URLSearchParams(location.hash.slice(1)), t = parseFloat(said.get('t')), s = parseInt(said.get('s'), 10);
  if (s >= 0 && s < count()) { S.pinned = s; pinWords(); selectionChanged(); }
  if (t >= 0 && t < count()) { S.cursor = t; seek(Math.floor(t), true); }
}
function link(second) {  // after a person's choice, never during playback
  if (!props.link) return;
  const pinned = S.pinned === null ? '' : `&s=${S.pinned}`;
  history.replaceState(history.state, '', `#t=${second}${pinned}`);
}

// Media events don't bubble, but the capture phase sees them, and gradio may remount the <video> at any time.
const ofPlayer = event => event.target instanceof HTMLVideoElement && event.target.closest('#' + props.video_id);
for (const name of ['play', 'playing', 'pause', 'ended', 'seeking', 'seeked', 'timeupdate', 'loadedmetadata',
  'emptied', 'error']) {
  document.addEventListener(name, event => {
    if (!ofPlayer(event) || !S.data) return;
    if (name === 'seeked' || name === 'emptied' || name === 'error') T.target = null;
    const playing = !event.target.paused && !event.target.ended;
    const button = $('.s2s-play');
    if (button.dataset.playing !== String(playing)) {
      button.dataset.playing = playing;
      button.textContent = playing ? '❚❚' : '▶';
      button.setAttribute('aria-label', playing ? 'Pause' : 'Play');
    }
    if (!playing) coSelect();  // what playback passed by may be asked for now
    kick();
  }, {capture: true, signal: controller.signal});
}

// A click anywhere in the lanes goes to its second: a short bar is as easy to hit as a tall one.
let pressed = null;
lanes.addEventListener('pointerdown', event => {
  pressed = event.target.closest('.s2s-thumb, .s2s-fold') ? null : [event.clientX, event.clientY];
}, {capture: true, signal: controller.signal});
document.addEventListener('pointerup', event => {  // on the document: plotly lays a cover over the page while pressed
  const from = pressed;
  pressed = null;
  if (!S.data || !from || event.button || Math.hypot(event.clientX - from[0], event.clientY - from[1]) > 8) return;
  const t = tOf(event.clientX - lanes.getBoundingClientRect().left);
  if (t >= 0 && t < count()) seek(Math.floor(t));
}, {capture: true, signal: controller.signal});
scrub.addEventListener('pointermove', event => {
  if (!S.data || !(event.buttons & 1)) return;
  const s = clamp(Math.floor(tOf(event.clientX - lanes.getBoundingClientRect().left)));
  if (s !== T.target) seek(s);
}, listen);

document.addEventListener('keydown', event => {  // in the view, on the player, or where nothing has the focus
  if (root.contains(event.target) || (event.target === document.body && root.offsetParent)) onKey(event);
}, listen);
$('.s2s-play').addEventListener('click', togglePlay, listen);
$('.s2s-pin').addEventListener('click', () => setPin(S.pinned === null), listen);
$('.s2s-loop').addEventListener('click', () => setLoop(!S.loop), listen);
$('.s2s-all input').addEventListener('change', drawTable, listen);
$('.s2s-csv').addEventListener('click', saveCsv, listen);
$('.s2s-in').addEventListener('click', () => zoom(0.5), listen);
$('.s2s-out').addEventListener('click', () => zoom(2), listen);

// A comparison holds several views to one selection: the event names the player of the view that it is for.
document.addEventListener('s2s-select', ({detail: {player, second, pinned}}) => {
  if (player !== props.video_id || !S.data) return;
  if (pinned === undefined) return seek(second);
  S.pinned = pinned ? clamp(second) : null;
  pinWords();
  selectionChanged();
}, listen);

const sizes = new ResizeObserver(() => {
  if (S.data && lanes.clientWidth && lanes.clientWidth !== T.width) { drawTimeline(); coResize(); }
});
sizes.observe(lanes);
let wasDark = dark();
const skin = new MutationObserver(() => {
  if (dark() === wasDark) return;
  wasDark = dark();
  if (S.data) { drawTimeline(); coTheme(); }
});
skin.observe(document.body, {attributes: true, attributeFilter: ['class']});

// js_on_load has no destroy hook: clean up when the element has left the document.
const gone = new MutationObserver(() => {
  if (element.isConnected) return;
  controller.abort();
  [sizes, skin, gone].forEach(observer => observer.disconnect());
});
gone.observe(document.body, {childList: true, subtree: true});

load();
watch('value', load);

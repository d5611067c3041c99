// The lanes: stills, slider, figure, one playhead over all of them.
const T = {view: [0, 1], width: 0, raf: 0, target: null, gd: null, thumbs: []};
const LEFT = 58, RIGHT = 14;  // px, the figure's fixed margins, so that stills and playhead line up with the axis
const lanes = $('.s2s-lanes'), plot = $('.s2s-plot'), thumbs = $('.s2s-thumbs'), scrub = $('.s2s-scrub');
const playhead = $('.s2s-playhead'), band = $('.s2s-band');

const left = () => (T.width < 520 ? 46 : LEFT);
const xOf = t => left() + (t - T.view[0]) / (T.view[1] - T.view[0]) * (T.width - left() - RIGHT);
const tOf = x => T.view[0] + (x - left()) / (T.width - left() - RIGHT) * (T.view[1] - T.view[0]);
const count = () => S.data.clip.seconds;
const clamp = s => Math.min(Math.max(s, 0), count() - 1);

// ---- time -----------------------------------------------------------------------------------------------------------
function clipTime() {
  const v = video();
  return v && v.readyState > 0 ? v.currentTime - S.data.clip.offset : S.cursor;
}
function frame() {
  T.raf = 0;
  if (!S.data || !element.isConnected) return;
  const v = video(), t = clipTime();
  const playing = v && !v.paused && !v.ended;
  if (playing && S.loop && T.target === null && !(t >= selected() && t < selected() + 1)) seek(selected(), true);
  // until a seek arrives, what was asked for is shown: the old second must not flash up
  const second = T.target !== null ? T.target : (t < 0 || t > count() ? -1 : clamp(Math.floor(t + 1e-3)));
  if (playing && second >= 0 && (second < T.view[0] || second >= T.view[1])) turnPage(second);
  const x = xOf(Math.min(Math.max(t, 0), count()));
  playhead.style.transform = `translateX(${x}px)`;
  playhead.hidden = t < -0.05 || t > count() + 0.05 || x < left() - 1 || x > T.width - RIGHT + 1;
  if (second !== S.current) setCurrent(second);
  if (playing) kick();
}
function kick() { if (!T.raf) T.raf = requestAnimationFrame(frame); }

function setCurrent(second) {  // at most once a second
  S.current = second;
  root.dataset.current = second;
  if (S.pinned === null && second >= 0) selectionChanged();
  else now();
}
function selectionChanged() {
  const s = selected();
  root.dataset.selected = s;
  placeBand();
  scrub.setAttribute('aria-valuenow', s + 1);
  scrub.setAttribute('aria-valuetext', valueText(s));
  for (const [button, first, many] of T.thumbs) {
    const on = s >= first && s < first + many;
    button.setAttribute('aria-pressed', String(on));
    button.tabIndex = on ? 0 : -1;
  }
  markRow(s);
  now();
  coSelect(s);
  document.dispatchEvent(new CustomEvent('s2s-selected', {detail: {player: props.video_id, second: s, pinned: S.pinned !== null}}));
}
function valueText(s) {
  const attention = S.data.targets.filter(t => t.attention).map(t => `${t.name} attention ${wholePercent(t.attention[s])}`);
  return [`second ${s + 1} of ${count()}`, ...attention].join(', ');
}
function now() {
  const s = selected(), outside = S.current < 0 ? ' · playback is outside the analysed part' : '';
  $('.s2s-now').textContent = `second ${s + 1} of ${count()} (${secondWords(s)})` + (S.pinned !== null ? ' · pinned' : outside);
}

function seek(second, force = false) {
  const s = clamp(second), v = video(), there = s === S.current && T.target === null;
  if (S.pinned !== null && S.pinned !== s) { S.pinned = s; pinWords(); selectionChanged(); }
  if (!S.loop) link(s);
  if (!v || v.readyState === 0) { S.cursor = s; setCurrent(s); return kick(); }
  if (there && !force) return;  // already in this second: playback goes on undisturbed
  T.target = s;
  v.currentTime = Math.min(S.data.clip.offset + s + 0.001, Math.max((v.duration || Infinity) - 0.02, 0));
  if (s !== S.current) setCurrent(s);  // now, not with the next frame: keys may repeat faster than frames come
  kick();
}
function toMoment(second, inside) {  // a moment within a second: only where it does not disturb playback
  const v = video();
  if (!v || v.readyState === 0 || !v.paused) return seek(second);
  T.target = second;
  v.currentTime = Math.min(S.data.clip.offset + second + inside + 0.001, Math.max((v.duration || Infinity) - 0.02, 0));
  kick();
}
function togglePlay() {
  const v = video();
  if (!v) return;
  if (!v.paused) return v.pause();
  const t = clipTime();
  if (t < 0 || t >= S.data.clip.duration - 0.05) seek(0, true);
  v.play().catch(() => {});  // the browser may refuse: its own controls remain
}
function pinWords() {
  const button = $('.s2s-pin');
  button.setAttribute('aria-pressed', String(S.pinned !== null));
  button.textContent = S.pinned !== null ? `Pinned: second ${S.pinned + 1}` : 'Pin second';
}
function setPin(on) {
  S.pinned = on ? selected() : null;
  link(selected());
  pinWords();
  selectionChanged();
}
function setLoop(on) { S.loop = on; $('.s2s-loop').setAttribute('aria-pressed', String(on)); kick(); }

function onKey(event) {
  const own = event.target.closest('select, input, textarea, summary, .s2s-grid, .s2s-table');
  if (!S.data || own || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
  const step = event.shiftKey ? 10 : 1, s = selected();
  const jump = {ArrowLeft: s - step, ArrowRight: s + step, Home: 0, End: count() - 1}[event.key];
  if (jump !== undefined) seek(jump);
  else if (event.key === ' ' && !event.target.closest('button:not(.s2s-thumb)')) togglePlay();
  else return;
  event.preventDefault();
  if (jump !== undefined && event.target.closest('.s2s-thumbs')) $('.s2s-thumb[tabindex="0"]')?.focus();
}

// ---- drawing --------------------------------------------------------------------------------------------------------
function drawThumbs() {
  const px = (T.width - left() - RIGHT) / (T.view[1] - T.view[0]);
  const many = Math.max(1, Math.ceil((T.width < 520 ? 30 : 44) / px));  // a still narrower than this shows nothing
  const some = S.data.stills.some(Boolean);
  thumbs.classList.toggle('is-bare', !some);
  T.thumbs = [];
  for (let s = Math.floor(T.view[0] / many) * many; s < T.view[1]; s += many) {
    const last = Math.min(s + many, count());
    const still = S.data.stills[Math.min(s + (many >> 1), last - 1)] || S.data.stills[s];
    const name = last - s > 1 ? `seconds ${s + 1} to ${last}` : `second ${s + 1}`;
    const button = make('button', {type: 'button', class: 's2s-thumb', 'aria-label': `${name}, ${s} s to ${last} s`, tabindex: -1,
      'aria-pressed': 'false', onclick: () => seek(s)});
    if (still) button.style.backgroundImage = `url(data:image/jpeg;base64,${still})`;
    const from = Math.max(xOf(s), left()), to = Math.min(xOf(last), T.width - RIGHT);
    Object.assign(button.style, {left: from + 'px', width: Math.max(to - from - 1, 1) + 'px'});
    T.thumbs.push([button, s, last - s]);
  }
  thumbs.replaceChildren(...T.thumbs.map(t => t[0]));
}
function placeBand() {
  const s = selected(), from = Math.max(xOf(s), left()), to = Math.min(xOf(s + 1), T.width - RIGHT);
  band.hidden = to <= from;
  band.style.transform = `translateX(${from}px)`;
  band.style.width = Math.max(to - from, 2) + 'px';
  band.classList.toggle('is-pinned', S.pinned !== null);
  const knob = $('i', scrub);
  knob.hidden = band.hidden;
  knob.style.transform = `translateX(${(from + to) / 2}px)`;
}
function setView(from, to) {
  T.view = [from, to];
  if (T.gd && window.Plotly) {
    T.P.relayout(T.gd, {'xaxis.range': [from, to], 'xaxis.dtick': tickStep((to - from) * (T.width < 520 ? 2.2 : 1))});
  }
  drawThumbs();
  placeUnfamiliar();
  $('.s2s-out').disabled = to - from >= count();
  $('.s2s-in').disabled = to - from <= 15;
  selectionChanged();
  kick();
}
const tickStep = span => [1, 2, 5, 10, 15, 30, 60, 120].find(step => span / step <= 15) || 240;
function turnPage(second) {
  const span = T.view[1] - T.view[0];
  const from = Math.min(Math.floor(second / span) * span, count() - span);
  setView(Math.max(from, 0), Math.max(from, 0) + span);
}
function zoom(factor) {
  const span = Math.min(Math.max(Math.round((T.view[1] - T.view[0]) * factor), 15), count());
  const from = Math.min(Math.max(Math.round(selected() + 0.5 - span / 2), 0), count() - span);
  setView(from, from + span);
}

async function drawTimeline() {
  T.width = lanes.clientWidth;
  if (!T.width) return;  // hidden: the observer calls again
  T.P = await plotly();
  if (!S.data) return;
  lanes.classList.toggle('is-narrow', T.width < 520);
  const {data, layout} = figure();
  plot.style.height = layout.height + 'px';
  T.gd = await T.P.react(plot, data, layout, CONFIG);
  drawThumbs();
  placeUnfamiliar();
  selectionChanged();
  frame();
}

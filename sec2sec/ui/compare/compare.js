// Runs inside gr.HTML(js_on_load=…), after timeline/shared.js. Draws the agreement and the ranked seconds, and holds the
// players and views of a comparison together: same relative second, same selection.
const controller = new AbortController(), listen = {signal: controller.signal};
let data = null, at = 0, relaying = false, leader = 0;
const echo = {};  // side → where we sent its player: that seek is no wish of its visitor

// ---- players ----------------------------------------------------------------------------------------------------------
const linked = () => data && data.mode === 'clips';
const videoOf = i => document.querySelector(`#${data.sides[i].player} video`);
const sideOf = event => (linked() && event.target instanceof HTMLVideoElement
  ? data.sides.findIndex(side => event.target.closest('#' + side.player)) : -1);
const relative = i => videoOf(i).currentTime - data.sides[i].offset;
const over = (i, t) => t >= Math.min(data.sides[i].duration, (videoOf(i).duration || Infinity) - data.sides[i].offset) - 0.05;

function send(i, t) {  // both starts are pinned to each other; a shorter clip waits at its end
  const v = videoOf(i), side = data.sides[i];
  if (!v || v.readyState === 0) return;
  const to = Math.max(Math.min(t, side.duration - 0.03, (v.duration || Infinity) - side.offset - 0.03), 0) + side.offset;
  if (Math.abs(v.currentTime - to) < 0.03) return;
  echo[i] = to;
  v.currentTime = to;
}
function follow(event) {
  const i = sideOf(event);
  if (i < 0) return;
  const other = 1 - i, me = event.target, v = videoOf(other);
  if (!v || v.readyState === 0) return;
  if (event.type === 'seeking') {
    if (echo[i] !== undefined && Math.abs(me.currentTime - echo[i]) < 0.1) { delete echo[i]; return; }
    leader = i;
    send(other, relative(i));
    if (!me.paused && v.paused && !over(other, relative(i))) v.play().catch(() => {});
  } else if (event.type === 'play') {
    if (!v.paused || over(other, relative(i))) return;
    leader = i;
    if (!me.muted) v.muted = true;  // two sounds at once are noise
    send(other, relative(i));
    v.play().catch(() => {});  // the browser may refuse: its own controls remain
  } else if (event.type === 'pause') {
    if (me.ended || over(i, relative(i))) return;  // the longer clip plays on
    if (!v.paused) v.pause();
    send(other, relative(i));
  } else if (event.type === 'ratechange') {
    if (v.playbackRate !== me.playbackRate) v.playbackRate = me.playbackRate;
  } else if (event.type === 'timeupdate' && i === leader && !me.paused && !v.paused) {
    if (Math.abs(relative(other) - relative(i)) > 0.12 && !over(other, relative(i))) send(other, relative(i));
  }
}
for (const name of ['seeking', 'play', 'pause', 'ratechange', 'timeupdate']) {
  document.addEventListener(name, follow, {capture: true, signal: controller.signal});
}

// ---- selection --------------------------------------------------------------------------------------------------------
let pinned = false;
const tell = detail => {
  relaying = true;
  document.dispatchEvent(new CustomEvent('s2s-select', {detail}));
  relaying = false;
};
document.addEventListener('s2s-selected', ({detail}) => {
  const i = data ? data.sides.findIndex(side => side.player === detail.player) : -1;
  if (i < 0) return;
  if (!relaying && linked() && (detail.pinned || pinned)) {  // unpinned, both views follow their players
    pinned = detail.pinned;
    tell({player: data.sides[1 - i].player, second: detail.second, pinned});
  }
  if (!linked()) mark(detail.second);
}, listen);

// ---- tables -----------------------------------------------------------------------------------------------------------
const nameOf = i => `${data.sides[i].letter} ${data.sides[i].title}`;
function fill(select, options) {
  select.replaceChildren(...options.map((words, i) => make('option', {value: i}, words)));
}
function drawAgreement() {
  const several = data.pairs.length > 1, body = make('tbody');
  for (const pair of data.pairs) {
    const between = `${data.sides[pair.first].letter} and ${data.sides[pair.second].letter}`;
    for (const t of pair.targets) {
      body.append(make('tr', {}, make('th', {scope: 'row'}, t.name), several ? make('td', {}, between) : null,
        make('td', {}, t.effect), make('td', {}, t.attention)));
    }
  }
  const head = make('tr', {}, make('th', {scope: 'col'}, 'target'), several ? make('th', {scope: 'col'}, 'models') : null,
    make('th', {scope: 'col'}, 'effects'), make('th', {scope: 'col'}, 'attention'));
  const caption = make('caption', {}, 'Spearman’s rank correlation ρ over the seconds of this clip: 1 the same order, 0 none, −1 the ' +
    'reverse. From 0.6 on they agree, from 0.2 on partly.');
  $('.cmp-agree').replaceChildren(make('table', {}, caption, make('thead', {}, head), body));
}
function drawDifference() {
  const pair = data.pairs[Number($('.cmp-pairs').value) || 0], t = pair.targets[Number($('.cmp-targets').value) || 0];
  const [a, b] = [pair.first, pair.second].map(i => data.sides[i].letter);
  const top = Math.max(...t.difference.map(Math.abs), 1e-9), body = make('tbody');
  for (const s of t.order) {
    const d = t.difference[s], bar = make('i', {class: d < 0 ? 'is-down' : 'is-up', style: `width:${Math.abs(d) / top * 50}%`});
    body.append(make('tr', {'data-second': s, onclick: () => go(s)},
      make('th', {scope: 'row'}, make('button', {type: 'button', class: 'cmp-go', 'aria-label': `go to second ${s + 1}`}, `${s + 1} (${secondWords(s)})`)),
      make('td', {}, signed(t.first[s])), make('td', {}, signed(t.second[s])), make('td', {class: 'cmp-d'}, make('b', {}, signed(d))),
      make('td', {class: 'cmp-bar', 'aria-hidden': 'true'}, bar)));
  }
  const cells = ['second', `effect in ${a}`, `in ${b}`, `${b} − ${a}`].map(words => make('th', {scope: 'col'}, words));
  const head = make('tr', {}, ...cells, make('td', {'aria-hidden': 'true'}));
  const caption = make('caption', {}, `Effect of each second on ${t.name}, in units of the prediction; the largest difference first. ` +
    `+: it speaks more for a high ${t.name} in ${b} than in ${a}. A click goes to the second.`);
  $('.cmp-differ').replaceChildren(make('table', {}, caption, make('thead', {}, head), body));
  $('.cmp-differ').scrollTop = 0;
  mark(at);
}
function go(second) { tell({player: data.sides[0].player, second}); }
function mark(second) {
  at = second;
  for (const row of root.querySelectorAll('.cmp-differ tbody tr')) {
    if (Number(row.dataset.second) === second) row.setAttribute('aria-current', 'true');
    else row.removeAttribute('aria-current');
  }
}
function load() {
  try { data = props.value ? JSON.parse(props.value) : null; } catch { data = null; }
  root.hidden = !data;
  at = leader = 0;
  pinned = false;
  delete root.dataset.ready;
  if (!data) return;
  $('.cmp-notes').replaceChildren(...data.notes.map(note => make('p', {class: 's2s-note'}, note)));
  const ranked = data.pairs.length > 0 && data.pairs[0].targets.length > 0;
  $('.cmp-pair').hidden = !ranked;
  if (ranked) {
    fill($('.cmp-pairs'), data.pairs.map(pair => `${nameOf(pair.first)} and ${nameOf(pair.second)}`));
    fill($('.cmp-targets'), data.pairs[0].targets.map(t => t.name));
    $('.cmp-of').hidden = data.pairs.length < 2;
    drawAgreement();
    drawDifference();
  }
  for (const table of element.closest('.compare')?.querySelectorAll('.side .s2s-figures') || []) table.open = !linked();  // else it parts their lanes
  root.dataset.ready = 'true';
}
$('.cmp-pairs').addEventListener('change', drawDifference, listen);
$('.cmp-targets').addEventListener('change', drawDifference, listen);
const gone = new MutationObserver(() => {  // js_on_load has no destroy hook
  if (element.isConnected) return;
  controller.abort();
  gone.disconnect();
});
gone.observe(document.body, {childList: true, subtree: true});
load();
watch('value', load);

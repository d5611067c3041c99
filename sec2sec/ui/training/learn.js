// Watch it learn: the same validation clips after each epoch, with the label, the prediction and the attention.
const slider = $('.tr-slider input'), chooser = $('.tr-target select');

function drawLearning(other) {
  const count = V.examples.length;
  $('.tr-learn').hidden = !count || !V.examples[0].length;
  if (!count) { V.epoch = 0; return; }
  const targets = Object.keys((V.examples[0][0] || {prediction: {}}).prediction);
  if (other || chooser.options.length !== targets.length) {
    chooser.replaceChildren(...targets.map(name => make('option', {value: name}, name)));
  }
  $('.tr-target').hidden = !V.now.attends || targets.length < 2;
  slider.max = count;
  if (V.follow || V.epoch > count) V.epoch = count;
  slider.value = V.epoch;
  drawClips();
  mark();
}
function setEpoch(epoch, follow) {
  V.epoch = epoch;
  V.follow = follow;
  slider.value = epoch;
  drawClips();
  mark();
}
slider.addEventListener('input', () => { stopPlaying(); setEpoch(Number(slider.value), Number(slider.value) === V.examples.length); }, listen);
chooser.addEventListener('change', () => drawClips(), listen);

function stopPlaying() {
  clearInterval(V.playing);
  V.playing = 0;
  $('.tr-play').textContent = '▶';
  $('.tr-play').setAttribute('aria-label', 'Play all epochs');
}
$('.tr-play').addEventListener('click', () => {
  if (V.playing) { stopPlaying(); return; }
  if (V.epoch >= V.examples.length) setEpoch(1, false);
  $('.tr-play').textContent = '❚❚';
  $('.tr-play').setAttribute('aria-label', 'Pause');
  V.playing = setInterval(() => {
    if (V.epoch >= V.examples.length) { stopPlaying(); V.follow = true; return; }
    setEpoch(V.epoch + 1, false);
  }, 450);
}, listen);

// ---- one card a clip -------------------------------------------------------------------------------------------------
function drawClips() {
  const examples = V.examples[V.epoch - 1];
  if (!examples) return;
  slider.setAttribute('aria-valuetext', `after epoch ${V.epoch} of ${V.examples.length}`);
  $('.tr-epoch').textContent = `After epoch ${V.epoch} of ${V.examples.length}`;
  root.dataset.epoch = V.epoch;
  const target = chooser.value, host = $('.tr-clips');
  host.replaceChildren(...examples.map((example, i) => clipCard(example, i, target)));
  const planted = examples.some(example => (V.stills[example.id] || {}).planted);
  $('.tr-keys').replaceChildren(
    make('span', {}, make('i', {class: 'tr-key-bar'}), 'prediction'), make('span', {}, make('i', {class: 'tr-key-label'}), 'label'),
    ...(V.now.attends ? [make('span', {}, make('i', {class: 'tr-key-attention'}), 'attention, share of the clip')] : []),
    ...(planted ? [make('span', {}, make('b', {class: 'tr-key-planted'}, '▲'), 'planted second: holds the cues')] : []));
}
function clipCard(example, i, target) {
  const known_ = V.stills[example.id] || {};
  const head = make('div', {class: 'tr-head'}, known_.still ? make('img', {src: known_.still, alt: ''}) : null, make('b', {}, example.id));
  const rows = Object.entries(example.prediction).map(([name, value]) => {
    const label = example.truth[name];
    const bar = make('div', {class: 'tr-bar', 'aria-hidden': 'true'}, make('i', {style: `width:${100 * value}%`}),
      known(label) ? make('u', {style: `left:${100 * label}%`}) : null);
    return make('div', {class: 'tr-row'}, make('span', {}, name), bar,
      make('span', {class: 'tr-value'}, `${value.toFixed(2)}${known(label) ? `, label ${+label.toFixed(2)}` : ', no label'}`));
  });
  const attention = example.attention && example.attention[target];
  return make('article', {class: 'tr-clip', 'aria-label': `Clip ${example.id}`}, head, make('div', {}, ...rows),
    attention ? bars(attention, known_.planted, highest(i), target) : null);
}
const TALLEST = 52;  // px, as high as .tr-scale: a share of the column would count the words below the bar as well
// one scale for all epochs, so that bars can be compared while the slider moves
const highest = i => Math.max(...V.examples.map(clips => (clips[i] ? Math.max(...Object.values(clips[i].attention || {}).flat()) : 0)));
function bars(weights, planted, top, target) {
  const words = weights.map((w, s) => `${secondWords(s)} ${wholePercent(w)}`).join(', ');
  const columns = weights.map((w, s) => make('span', {class: 'tr-second', title: `${secondWords(s)}: ${wholePercent(w)}`},
    make('i', {style: `height:${TALLEST * w / top}px`}),
    make('small', {class: planted && planted.includes(s) ? 'is-planted' : null}, planted && planted.includes(s) ? `▲${s + 1}` : s + 1)));
  return make('div', {class: 'tr-attention', role: 'img', 'aria-label': `Attention for ${target} by second: ${words}` +
    (planted ? `; planted: ${planted.map(s => s + 1).join(', ')}` : '')},
    make('span', {class: 'tr-scale'}, make('small', {}, wholePercent(top)), make('small', {}, '0 %')),
    make('div', {class: 'tr-columns'}, ...columns), make('small', {class: 'tr-axis'}, 'second'));
}

load();
watch('value', load);

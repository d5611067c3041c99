// The Lab: edits of one clip, and what the model says of it then. The server keeps the edits; here are the buttons and
// the drawing.
/** @import {Component} from '../../viewer/types.d.ts' */
/** @import {OrderName} from './order.js' */
/** @import {EditName, Lab, LabProps, Target} from './types.d.ts' */
import {around, find, findAll, make} from '../../viewer/dom.js';
import {change, isPeoples, onScale, percent, secondSpan} from '../../viewer/numbers.js';
import {valueOf} from '../../viewer/page.js';
import {drawLanes} from './lanes.js';
import {orderOf} from './order.js';
import {Strip} from './strip.js';
import {WhyView} from './why.js';

/** They may need pixels or sound decoded: queued, with progress, as the question why is. */
const SLOW = ['freeze', 'blur', 'soundtrack'];
/** They are of the selected seconds. */
const OF_SECONDS = ['mute', 'blank', 'freeze', 'blur', 'drop', 'remove'];
const OF_SOUND = ['mute', 'shift-sound', 'soundtrack'];
const OF_PICTURE = ['blank', 'freeze', 'blur'];
/** Of a single second nothing would be left, or all. */
const OF_SEVERAL = ['drop', 'shift-sound', 'reorder'];
const WITH_EFFECTS =
  'Attention: share of the edited clip, sums to 100 %. Effect: prediction of the edited clip minus the prediction ' +
  'with that second at the training average.';
const WITHOUT_EFFECTS =
  'Attention: share of the edited clip, sums to 100 %. Effects are not measured here in clips over 60 s.';

/** @param {Component<LabProps>} component */
export function start(component) {
  const view = new LabView(component);
  view.load();
  component.watch('value', () => view.load());
}

class LabView {
  /** @type {Lab | null} */
  data = null;
  /** @type {(string | null)[]} JPEGs in base64 of the clip's own seconds */
  stills = [];
  /** One edit after the other: each counts seconds in the clip as the last one left it. */
  isBusy = false;

  /** @param {Component<LabProps>} component */
  constructor({element, props, trigger}) {
    this.props = props;
    this.trigger = trigger;
    this.root = find(element, '.lab', HTMLElement);
    this.strip = new Strip(this.root, () => this.enable());
    this.why = new WhyView(this.root, () => this.enable());
    this.order = this.select('.lab-order');
    this.ownOrder = this.input('.lab-typed');
    this.root.addEventListener('click', event => this.onClick(event));
    // gradio's own button takes the file; the one that people see stands beside what it changes
    this.find('.lab-own').addEventListener('click', () =>
      document.querySelector('#lab-own')?.dispatchEvent(new MouseEvent('click', {bubbles: true})),
    );
    this.order.addEventListener('change', () => {
      this.ownOrder.hidden = this.order.value !== 'own';
      this.enable();
    });
  }

  /** @param {string} selector */
  find(selector) {
    return find(this.root, selector, HTMLElement);
  }

  /** @param {string} selector */
  select(selector) {
    return find(this.root, selector, HTMLSelectElement);
  }

  /** @param {string} selector */
  input(selector) {
    return find(this.root, selector, HTMLInputElement);
  }

  load() {
    this.data = valueOf(this.props);
    this.isBusy = false;
    delete this.root.dataset.busy;
    this.find('.lab-empty').hidden = Boolean(this.data);
    this.find('.lab-body').hidden = !this.data;
    if (this.data) this.draw(this.data);
    else for (const name of ['serial', 'clip', 'edits']) delete this.root.dataset[name];
  }

  /** @param {Lab} lab */
  draw(lab) {
    if (lab.stills) {
      this.stills = lab.stills;
      this.strip.startAt(secondOfInspect(lab.seconds.length));
    }
    this.find('.lab-name').textContent = lab.clip.name;
    this.find('.lab-model').textContent = lab.model;
    const refusal = this.find('.lab-refusal');
    refusal.hidden = !lab.refused;
    refusal.textContent = lab.refused ? 'Error: ' + lab.refused : '';
    this.strip.draw(lab.seconds, this.stills);
    this.drawBars(lab);
    this.find('.lab-lanes').replaceChildren(...drawLanes(lab));
    this.drawEdits(lab);
    this.find('.lab-seconds').replaceChildren(table(lab));
    this.drawSoundtracks(lab);
    this.why.draw(lab);
    this.enable();
    this.root.dataset.serial = String(lab.serial);
    this.root.dataset.clip = lab.clip.name;
    this.root.dataset.edits = String(lab.edits.length);
  }

  // ---- edits ------------------------------------------------------------------------------------------------------

  /** What cannot be done now is disabled. */
  enable() {
    const lab = this.data;
    if (!lab) return;
    for (const button of this.buttons('[data-edit]')) {
      const edit = button.dataset.edit ?? '';
      button.disabled = !this.canDo(lab, edit);
      button.dataset.title ??= button.title; // what it does
      button.title = unreadOf(lab, edit) || button.dataset.title;
    }
    for (const button of this.buttons('[data-action=undo], [data-action=clear]')) button.disabled = !lab.edits.length;
    for (const button of this.buttons('.lab-own'))
      button.disabled = !lab.clip.has_audio || Boolean(unreadOf(lab, 'soundtrack'));
    for (const button of this.buttons('[data-action=redo]')) button.disabled = !lab.undone;
    for (const button of this.buttons('[data-action=why]')) button.disabled = !this.why.canAsk;
    const render = document.querySelector('#lab-render');
    if (!(render instanceof HTMLButtonElement)) return;
    render.disabled = !lab.renderable;
    render.title = lab.renderable ? '' : 'Removed seconds (training average) cannot be watched: undo them first';
  }

  /** @param {string} selector */
  buttons(selector) {
    return /** @type {NodeListOf<HTMLButtonElement>} */ (findAll(this.root, selector));
  }

  /** @param {Lab} lab @param {string} edit */
  canDo(lab, edit) {
    const usesSelection = edit === 'reorder' && ['first', 'last'].includes(this.order.value);
    if ((OF_SECONDS.includes(edit) || usesSelection) && !this.strip.selected.length) return false;
    if (unreadOf(lab, edit)) return false;
    if (OF_SOUND.includes(edit) && !lab.clip.has_audio) return false;
    if (OF_PICTURE.includes(edit) && !lab.clip.has_video) return false;
    if (edit === 'soundtrack' && !lab.soundtracks.length) return false;
    return !OF_SEVERAL.includes(edit) || lab.seconds.length > 1;
  }

  /** What the server needs beside an edit's name. @param {EditName} name */
  settingsOf(name) {
    const seconds = this.strip.selected;
    const order = /** @type {OrderName} */ (this.order.value);
    return {
      mute: {seconds},
      blank: {seconds},
      freeze: {seconds},
      drop: {seconds},
      blur: {seconds, strength: Number(this.select('.lab-strength').value)},
      remove: {seconds, what: this.select('.lab-what').value},
      'shift-sound': {by: Math.round(Number(this.input('.lab-by').value))},
      soundtrack: {track: this.select('.lab-track').value},
      reorder: {order: orderOf(order, this.strip.count, seconds, this.ownOrder.value)},
    }[name];
  }

  /** @param {MouseEvent} event */
  onClick(event) {
    const button = around(event, '[data-edit], [data-action], [data-pick]');
    if (!(button instanceof HTMLButtonElement) || button.disabled || !this.data) return;
    const {action, pick} = button.dataset;
    const edit = /** @type {EditName} */ (button.dataset.edit);
    if (pick) this.strip.selectAll(/** @type {'all' | 'none' | 'invert'} */ (pick));
    else if (action === 'why') this.send('submit', {why: this.why.question});
    else if (action) this.send('select', {action});
    else this.send(SLOW.includes(edit) ? 'submit' : 'select', {edit: {edit, ...this.settingsOf(edit)}});
  }

  /** @param {'select' | 'submit'} event submit: queued @param {object} message */
  send(event, message) {
    if (this.isBusy) return;
    this.isBusy = true;
    this.root.dataset.busy = 'true';
    this.trigger(event, message);
  }

  // ---- what came of it --------------------------------------------------------------------------------------------

  /** @param {Lab} lab */
  drawBars(lab) {
    // where scales differ, each target has its axis below it
    const isOne = lab.targets.every(({scale}) => String(scale) === String(lab.targets[0].scale));
    const drawn = lab.targets.flatMap((target, k) =>
      isOne && k < lab.targets.length - 1 ? [bars(target)] : [bars(target), axisOf(target)],
    );
    this.find('.lab-bars').replaceChildren(...drawn);
  }

  /** @param {Lab} lab */
  drawEdits({edits, targets}) {
    const items = edits.map(({words, changes}) => {
      const effects = changes.map((value, k) => `${targets[k].name} ${changeOf(targets[k], value)}`);
      return make('li', {}, make('b', {}, words), make('span', {}, effects.join(', ')));
    });
    this.find('.lab-list').replaceChildren(...items);
    this.find('.lab-none').hidden = edits.length > 0;
  }

  /** @param {Lab} lab */
  drawSoundtracks({soundtracks}) {
    const select = this.select('.lab-track');
    const {value} = select;
    const listed = [...select.options].map(option => option.value);
    if (listed.join('\n') === soundtracks.join('\n')) return;
    select.replaceChildren(...soundtracks.map(name => make('option', {value: name}, name)));
    if (soundtracks.includes(value)) select.value = value;
  }
}

/** Why an edit changes nothing in what the model says; empty where it may. @param {Lab} lab @param {string} edit */
function unreadOf({reads}, edit) {
  if (OF_SOUND.includes(edit) && !reads.includes('audio')) return 'This model does not read the sound';
  if (OF_PICTURE.includes(edit) && !reads.includes('video')) return 'This model does not read the picture';
  return '';
}

/** The second that Inspect shows is what a visitor comes to change. @param {number} count seconds of the clip */
function secondOfInspect(count) {
  const view = document.querySelector('.s2s');
  const second = Number((view instanceof HTMLElement && view.dataset.selected) || 0);
  return second < count ? second : 0;
}

/** Prediction before and after. @param {Target} target */
function bars(target) {
  const {name, scale, before, after} = target;
  const effect = changeOf(target, after - before);
  const [was, is] = [before, after].map(share => onScale(share, scale).toFixed(3));
  const words = `${name}: before ${was}, after ${is}, change ${effect}`;
  return make(
    'div',
    {class: 'lab-target', 'data-target': name, role: 'group', 'aria-label': words},
    make('h3', {}, name, make('em', {}, 'change ', make('b', {}, effect))),
    bar('before', before, was),
    bar('after', after, is),
  );
}

/** A change of a prediction on the scale of its target. @param {Target} target @param {number} share */
function changeOf({scale: [lowest, highest]}, share) {
  return change(share * (highest - lowest), 3);
}

/** @param {Target} target */
function axisOf({scale}) {
  const words = `prediction, ${scale[0]} to ${scale[1]}` + (isPeoples(scale) ? ', people’s scale' : '');
  return make(
    'div',
    {class: 'lab-axis', 'aria-hidden': 'true'},
    ...[0, 0.5, 1].map(share => make('span', {}, String(onScale(share, scale)))),
    make('em', {}, words),
  );
}

/** @param {'before' | 'after'} when @param {number} share of the scale @param {string} words */
function bar(when, share, words) {
  const filled = make('i', {style: `width:${(100 * share).toFixed(2)}%`});
  const figure = make('b', {}, words);
  return make('div', {class: `lab-bar is-${when}`}, make('span', {}, when), make('div', {}, filled), figure);
}

/** @param {Lab} lab */
function table({targets, seconds}) {
  const head = make(
    'tr',
    {},
    make('th', {scope: 'col'}, 'second'),
    make('th', {scope: 'col', class: 'is-words'}, 'plays'),
  );
  for (const {name, attention, effect} of targets) {
    if (attention) head.append(make('th', {scope: 'col'}, `${name}: attention`));
    if (effect) head.append(make('th', {scope: 'col'}, `${name}: effect`));
  }
  const rows = seconds.map((second, i) => {
    const row = make('tr', {}, make('th', {scope: 'row'}, secondSpan(i)), make('td', {class: 'is-words'}, second.from));
    for (const {attention, effect} of targets) {
      if (attention) row.append(make('td', {}, percent(attention[i])));
      if (effect) row.append(make('td', {}, change(effect[i], 3)));
    }
    return row;
  });
  const caption = targets.some(target => target.effect) ? WITH_EFFECTS : WITHOUT_EFFECTS;
  return make('table', {}, make('caption', {}, caption), make('thead', {}, head), make('tbody', {}, ...rows));
}

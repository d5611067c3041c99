// The trainings of a visitor: asks the server how they stand while the view is on screen, and draws what has changed.
/** @import {Component, Failure} from '../../viewer/types.d.ts' */
/** @import {ActAnswer, Run, ScoreTable, JobStatus, Entry, TrainingProps, TrainingServer} from './types.d.ts' */
import {find, make} from '../../viewer/dom.js';
import {isNumber, signed} from '../../viewer/numbers.js';
import {saveAs, servedFile, valueOf, watchTheme, whenRemoved} from '../../viewer/page.js';
import {Curves} from './curves.js';
import {Learning} from './learn.js';

const EVERY = 1000; // ms between two questions
/** @type {{[stage: string]: string}} */
const MARKS = {done: '✓', failed: '✕', dead: '✕', stopped: '❚❚', waiting: '…'};
/** @type {{name: string, words: string, hint?: string, question?: string}[]} */
const ACTIONS = [
  {name: 'open', words: 'Open in Inspect'},
  {name: 'download', words: 'Download checkpoint'},
  {name: 'stop', words: 'Stop', hint: 'Resume continues later as if nothing had happened'},
  {name: 'finish', words: 'Finish now', hint: 'Ends the training and keeps the best weights so far'},
  {name: 'resume', words: 'Resume'},
  {name: 'remove', words: 'Remove', question: 'Remove this training with its model? This cannot be undone.'},
];

/** A moment by the visitor's clock, in the form of ISO 8601: 2026-11-26 14:05. @param {number} seconds since 1970 */
const localTime = seconds => new Date(1000 * seconds).toLocaleString('sv-SE', {dateStyle: 'short', timeStyle: 'short'});

/** @param {Component<TrainingProps, TrainingServer>} component */
export function start(component) {
  const controller = new AbortController();
  const {signal} = controller;
  const view = new TrainingView(component, signal);
  const sizes = new ResizeObserver(() => {
    if (view.run && view.root.offsetParent) view.curves.draw();
  });
  sizes.observe(view.root);
  const theme = watchTheme(() => view.curves.draw());
  document.addEventListener('visibilitychange', () => view.isOnScreen && view.ask(), {signal});
  whenRemoved(component.element, () => {
    controller.abort();
    sizes.disconnect();
    theme.disconnect();
    view.end();
  });
  view.load();
  component.watch('value', () => view.load());
}

class TrainingView {
  /** @type {string | null} */
  visitor = null;
  /** Id of the chosen training; null: the newest. @type {string | null} */
  chosen = null;
  /** Of what is drawn. @type {string | null} */
  signature = null;
  /** The chosen training, as it is drawn. @type {Run | null} */
  run = null;
  isAsking = false;
  hasAskedForStills = false;
  /** Whether the server did not answer the last question. */
  isLost = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer;

  /** @param {Component<TrainingProps, TrainingServer>} component @param {AbortSignal} signal */
  constructor({element, props, server, trigger}, signal) {
    this.element = element;
    this.props = props;
    this.server = server;
    this.trigger = trigger;
    this.root = find(element, '.tr', HTMLElement);
    this.list = this.find('.tr-runs');
    this.everybody = find(element, '.tr-others input', HTMLInputElement);
    this.everybody.addEventListener('change', () => this.choose(null), {signal});
    this.curves = new Curves(this.root, props.plotly_js);
    this.learning = new Learning(this.root, epoch => this.curves.mark(epoch), signal);
    this.list.addEventListener('keydown', event => this.onListKey(event), {signal});
  }

  /** @param {string} selector */
  find(selector) {
    return find(this.root, selector, HTMLElement);
  }

  load() {
    const value = valueOf(this.props);
    if (!value) return;
    this.visitor = value.visitor;
    if (value.run) this.choose(value.run);
    else this.ask();
  }

  end() {
    clearTimeout(this.timer);
    this.visitor = null;
  }

  // ---- asking -----------------------------------------------------------------------------------------------------

  get isOnScreen() {
    return this.element.isConnected && this.root.offsetParent !== null && !document.hidden;
  }

  async ask() {
    const {visitor, chosen: run, signature} = this;
    clearTimeout(this.timer);
    if (!visitor) return;
    this.timer = setTimeout(() => this.ask(), EVERY);
    if (!this.isOnScreen || this.isAsking) return;
    this.isAsking = true;
    const everybody = this.everybody.checked;
    const question = {visitor, run, since: this.learning.epochs.length, signature, everybody};
    const answer = await this.server.job_status(question).catch(() => null);
    this.isAsking = false;
    if (run !== this.chosen || everybody !== this.everybody.checked) return; // another was chosen meanwhile
    if (answer) this.take(answer);
    else this.say('The server does not answer. Trainings continue without it; this page keeps asking.');
    this.isLost = !answer;
  }

  /** @param {Failure | JobStatus} answer */
  take(answer) {
    if (answer.error !== undefined) {
      this.say(answer.error);
      return;
    }
    if (this.isLost) this.say('');
    this.find('.tr-others').hidden = !answer.others;
    this.find('.tr-others span').textContent = `Also show trainings of others on this server (${answer.others})`;
    if (answer.signature === this.signature) return;
    const {signature, runs = [], run = null} = answer;
    const isOther = !run || run.id !== this.run?.id;
    this.signature = signature;
    this.run = run;
    this.chosen = run?.id ?? null;
    this.find('.tr-empty').hidden = Boolean(run);
    this.find('.tr-body').hidden = !run;
    this.drawList(runs);
    if (!run) return;
    const {learning} = this;
    if (isOther || run.since < learning.epochs.length) {
      learning.epochs.length = run.since;
      learning.facts = {};
      learning.follows = true;
      this.hasAskedForStills = false;
    }
    learning.epochs.push(...run.examples);
    this.drawRun(run);
    this.curves.draw(run);
    learning.draw(run, isOther);
    if (!this.hasAskedForStills && learning.epochs.length) this.askForStills();
  }

  async askForStills() {
    const {visitor, chosen: run} = this;
    if (!visitor) return;
    this.hasAskedForStills = true;
    const facts = await this.server.stills({visitor, run, everybody: this.everybody.checked}).catch(() => null);
    if (!facts || run !== this.chosen) return;
    this.learning.facts = facts;
    this.learning.drawClips();
  }

  /** @param {string | null} run its id; null: the newest */
  choose(run) {
    this.chosen = run;
    this.signature = null;
    this.hasAskedForStills = false;
    this.isAsking = false;
    this.learning.clear();
    this.ask();
  }

  /** @param {string} what @param {string} [question] to the visitor */
  async act(what, question) {
    const {visitor, chosen: run} = this;
    if (!visitor || (question && !confirm(question))) return;
    this.say('');
    /** @type {ActAnswer} */
    const answer = await this.server
      .act({visitor, run, everybody: this.everybody.checked, what})
      .catch(() => ({error: 'The server does not answer.'}));
    if (answer.error) this.say(answer.error);
    if (answer.file) saveAs(servedFile(answer.file), answer.name ?? '');
    if (what === 'remove' && !answer.error) this.choose(null);
    this.signature = null;
    this.ask();
  }

  /** @param {string} words */
  say(words) {
    this.find('.tr-said').textContent = words;
  }

  // ---- the list ---------------------------------------------------------------------------------------------------

  get entries() {
    return /** @type {HTMLElement[]} */ ([...this.list.children]);
  }

  /** @param {Entry[]} runs */
  drawList(runs) {
    const focused = this.entries.find(entry => entry === document.activeElement)?.dataset.run;
    this.list.replaceChildren(...runs.map(run => this.entry(run)));
    if (focused) this.entries.find(entry => entry.dataset.run === focused)?.focus();
  }

  /** @param {Entry} run */
  entry({id, title, about, words, stage, created}) {
    const isOn = id === this.run?.id;
    return make(
      'button',
      {
        type: 'button',
        role: 'radio',
        'aria-checked': String(isOn),
        tabindex: isOn ? 0 : -1,
        'data-run': id,
        class: 'tr-entry',
        onclick: () => this.choose(id),
      },
      make('b', {}, title),
      make('span', {}, `${MARKS[stage] ?? '●'} ${words}`),
      make('i', {}, about),
      make('small', {}, localTime(created)),
    );
  }

  /** @param {KeyboardEvent} event */
  onListKey(event) {
    const step = {ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1}[event.key];
    if (!step) return;
    event.preventDefault();
    const {entries} = this;
    const to = entries[entries.findIndex(entry => entry === document.activeElement) + step];
    if (!to) return;
    to.focus();
    this.choose(to.dataset.run ?? null);
  }

  // ---- the chosen training ----------------------------------------------------------------------------------------

  /** @param {Run} run */
  drawRun({title, about, stage, label, message, left, fraction, sentence, deletion, can, table}) {
    const meter = this.find('.tr-meter');
    const share = fraction ?? 0;
    this.find('.tr-title').textContent = title;
    this.find('.tr-about').textContent = about;
    this.root.dataset.stage = stage;
    this.find('.tr-label').textContent = label;
    const capital = message.replace(/^./, letter => letter.toUpperCase());
    this.find('.tr-message').textContent = [capital, left].filter(Boolean).join(', ');
    meter.hidden = !isNumber(fraction) || stage === 'done';
    find(meter, 'i', HTMLElement).style.width = 100 * Math.min(share, 1) + '%';
    meter.setAttribute('aria-valuenow', String(Math.round(100 * share)));
    this.find('.tr-sentence').textContent = sentence;
    this.find('.tr-deletion').hidden = deletion === null;
    const date = deletion === null ? '' : localTime(deletion);
    this.find('.tr-deletion').textContent = `This training, its data and its model will be deleted on ${date}.`;
    this.drawActions(ACTIONS.filter(({name}) => can[name]));
    this.find('.tr-figures').hidden = !table;
    if (table) this.find('.tr-figures').replaceChildren(...scores(table));
  }

  /** @param {typeof ACTIONS} actions that are possible now */
  drawActions(actions) {
    const host = this.find('.tr-actions');
    const shown = actions.map(({name}) => name).join();
    if (host.dataset.shown === shown) return; // a button must not vanish under a finger
    host.dataset.shown = shown;
    const button = (/** @type {typeof ACTIONS[number]} */ {name, words, hint, question}) =>
      make(
        'button',
        {
          type: 'button',
          class: 's2s-button',
          'data-act': name,
          title: hint,
          onclick: () =>
            name === 'open'
              ? this.trigger('select', {run: this.chosen, everybody: this.everybody.checked})
              : this.act(name, question),
        },
        words,
      );
    host.replaceChildren(...actions.map(button));
  }
}

/** Of the last epoch or of the best, beside the trivial answers. @param {ScoreTable} table */
function scores({caption, note, rows}) {
  const hasIntervals = rows.some(row => row[5]);
  const brackets = hasIntervals ? ' In brackets: 95 % interval; one that holds 0 may be chance.' : '';
  const names = ['target', 'measure', 'model', 'best trivial answer', 'gain'];
  const head = make('tr', {}, ...names.map(name => make('th', {scope: 'col'}, name)));
  const body = rows.map(([target, metric, score, trivial, gain, interval]) => {
    const range = interval ? ` (${signed(interval[0])} to ${signed(interval[1])})` : '';
    const figures = [metric.replace(/_/g, ' '), score.toFixed(3), trivial.toFixed(3), signed(gain) + range];
    return make('tr', {}, make('th', {scope: 'row'}, target), ...figures.map(figure => make('td', {}, figure)));
  });
  return [
    make('p', {class: 's2s-note'}, `${caption}. ${note}${brackets}`),
    make('table', {}, make('thead', {}, head), make('tbody', {}, ...body)),
  ];
}

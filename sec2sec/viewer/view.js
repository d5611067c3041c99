// One synchronised view: what it shows, the one selection that all of its parts follow, and those parts.
/** @import {Component, Payload, ViewProps, ViewServer} from './types.d.ts' */
import {plotly} from './charts.js';
import {CoAttention} from './coattention.js';
import {find} from './dom.js';
import {FilmCurve} from './film.js';
import {Lanes} from './lanes.js';
import {Link} from './link.js';
import {LiveMap} from './live.js';
import {secondSpan, signed, wholePercent} from './numbers.js';
import {valueOf} from './page.js';
import {isOfStability} from './stability.js';
import {Playback} from './playback.js';
import {Ratings} from './ratings.js';
import {Player} from './player.js';
import {decisiveSecond, effectsOf} from './scales.js';
import {FigureTable} from './table.js';
import {Timeline} from './timeline.js';

export class View {
  /** @type {Payload | null} */
  data = null;
  /** The second that plays; −1 outside the analysed part. */
  current = -1;
  /** @type {number | null} the second that overrules it */
  pinned = null;

  /** @param {Component<ViewProps, ViewServer>} component */
  constructor({element, props, server, trigger}) {
    this.element = element;
    this.props = props;
    this.server = server;
    this.root = find(element, '.s2s', HTMLElement);
    this.player = new Player(this);
    this.playback = new Playback(this);
    this.live = new LiveMap(this);
    this.timeline = new Timeline(this);
    this.film = new FilmCurve(this, trigger, Boolean(props.opens_windows));
    this.lanes = new Lanes(this);
    this.ratings = new Ratings(this);
    this.table = new FigureTable(this);
    this.coattention = new CoAttention(this);
    this.link = new Link(this);
  }

  /** @param {string} selector */
  find(selector) {
    return find(this.root, selector, HTMLElement);
  }

  /** @param {string} selector */
  button(selector) {
    return find(this.root, selector, HTMLButtonElement);
  }

  get plotly() {
    return plotly(this.props.plotly_js);
  }

  /** What is shown; asked for only while something is. */
  get payload() {
    if (!this.data) throw new Error('the view shows no clip');
    return this.data;
  }

  /** Seconds of the clip. */
  get count() {
    return this.payload.clip.seconds;
  }

  /** @param {number} second */
  clamp(second) {
    return Math.min(Math.max(second, 0), this.count - 1);
  }

  // ---- the value from Python --------------------------------------------------------------------------------------

  load() {
    const before = this.data;
    this.data = valueOf(this.props);
    const isSame = Boolean(before && this.data && isOneClip(before, this.data)); // of which more is known now
    if (!isSame) this.forget();
    this.find('.s2s-empty').hidden = Boolean(this.data);
    this.find('.s2s-body').hidden = !this.data;
    delete this.root.dataset.ready;
    if (!this.data) {
      this.timeline.clear();
      this.live.layer.hidden = true;
      this.tellPage(isSame);
      return;
    }
    this.timeline.load();
    this.film.load();
    this.lanes.load();
    this.ratings.load();
    this.table.draw();
    this.live.load();
    this.coattention.load();
    this.link.load();
    this.writePin();
    this.playback.apply();
    if (!isSame && !this.player.followLink() && this.props.link) {
      this.player.showDecisive(decisiveSecond(this.data.targets) ?? 0);
    }
    this.timeline.draw().catch(error => console.error(error));
    if (isSame && before && !before.lanes.some(isOfStability)) this.lanes.showStability();
    Object.assign(this.root.dataset, {clip: this.data.clip.name, model: this.data.model}); // for tests
    this.root.dataset.ready = 'true'; // the main lanes are drawn at once
    this.tellPage(isSame);
  }

  /** @param {boolean} isSame whether the clip was on the screen already */
  tellPage(isSame) {
    const detail = {player: this.props.video_id, isShown: Boolean(this.data), isSame, link: this.data?.link};
    document.dispatchEvent(new CustomEvent('s2s-loaded', {detail}));
  }

  /** Nothing of the clip before stays. */
  forget() {
    this.current = 0;
    this.pinned = null;
    this.root.dataset.current = '0';
    this.player.reset();
    this.player.setLoop(false);
  }

  // ---- the selection ----------------------------------------------------------------------------------------------

  /** The second that all parts show. */
  get selected() {
    return this.pinned ?? Math.max(this.current, 0);
  }

  /** At most once a second of playback. @param {number} second */
  setCurrent(second) {
    this.current = second;
    this.root.dataset.current = String(second);
    if (this.pinned === null && second >= 0) this.showSelection();
    else this.writeNow();
  }

  /** @param {number | null} second */
  setPinned(second) {
    this.pinned = second;
    this.writePin();
    this.showSelection();
  }

  /** By hand: the link says so. @param {boolean} on */
  pin(on) {
    this.pinned = on ? this.selected : null;
    this.player.writeLink(this.selected);
    this.setPinned(this.pinned);
  }

  showSelection() {
    const second = this.selected;
    this.root.dataset.selected = String(second);
    this.timeline.markSecond(second, this.describe(second));
    this.table.markRow(second);
    this.writeNow();
    this.coattention.drawSoon();
    const detail = {player: this.props.video_id, second, pinned: this.pinned !== null};
    document.dispatchEvent(new CustomEvent('s2s-selected', {detail}));
  }

  /** A second in words, for the slider. @param {number} second */
  describe(second) {
    const targets = this.payload.targets.map(target => {
      const attention = target.attention ? `, attention ${wholePercent(target.attention[second])}` : '';
      return `${target.name} effect ${signed(effectsOf(target)[second])}${attention}`;
    });
    return [`${secondSpan(second)} of ${this.count} s`, ...targets, ...this.ratings.words(second)].join(', ');
  }

  writeNow() {
    const second = this.selected;
    const outside = this.current < 0 ? ' · playback is outside the analysed part' : '';
    const words = `${secondSpan(second)} of ${this.count} s`;
    this.find('.s2s-now').textContent = words + (this.pinned !== null ? ' · pinned' : outside);
  }

  writePin() {
    const button = this.button('.s2s-pin');
    button.setAttribute('aria-pressed', String(this.pinned !== null));
    button.textContent = this.pinned !== null ? `Pinned: ${secondSpan(this.pinned)}` : 'Pin second';
  }
}

/** Whether two payloads are of one clip, explained by one model. @param {Payload} a @param {Payload} b */
function isOneClip(a, b) {
  const key = a.places?.key;
  return key !== undefined && key === b.places?.key;
}

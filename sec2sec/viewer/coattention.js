// The part of the view that looks inside the selected second: when there is something to draw, and when to draw it.
/** @import {View} from './view.js' */
import {sourcesOf} from './choices.js';
import {make} from './dom.js';
import {Places} from './places.js';
import {sanityCheck} from './sanity.js';
import {SecondPanel} from './second.js';

const DELAY = 20; // ms; after the playhead's frame, never within it

export class CoAttention {
  /** @type {SecondPanel | null} what is drawn of the clip; null where nothing can be */
  panel = null;
  /** Whether it is near the part of the page that a person sees. */
  isSeen = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer;
  /** Key of the clip whose maps are on their way. */
  asking = '';
  /** @type {{key: string, answer: import('./types.d.ts').MapsAnswer} | null} what came of the last question */
  sent = null;
  /** @type {HTMLElement | null} what stands there meanwhile */
  waiting = null;

  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.host = view.find('.s2s-co');
    this.places = new Places(
      view,
      () => this.isSeen,
      () => this.draw(),
    );
    this.sight = new IntersectionObserver(
      entries => {
        this.isSeen = entries.some(entry => entry.isIntersecting);
        if (this.isSeen && view.data?.maps.later) this.ask();
        else if (this.isSeen) this.draw();
      },
      {rootMargin: '200px'},
    );
  }

  load() {
    const {view, host} = this;
    if (view.payload.maps.later && this.sent?.key === view.payload.places?.key) {
      Object.assign(view.payload, this.sent?.answer); // the same clip, of which more is known now
    }
    const {maps, sanity, places} = view.payload;
    this.panel?.clear();
    this.panel = null;
    this.places.load();
    host.replaceChildren(make('h2', {}, 'Inside the selected second'), ...sanityCheck(sanity));
    for (const words of [maps.absent, places?.absent]) {
      if (words) host.append(make('p', {class: 's2s-note'}, words));
    }
    this.sight.disconnect();
    if (maps.later) {
      this.waiting = make('p', {class: 's2s-note s2s-later', role: 'status'}, 'Loading the maps…');
      host.append(this.waiting);
      this.sight.observe(host);
      return;
    }
    const sources = sourcesOf(view.payload);
    if (!sources.length) return;
    this.panel = new SecondPanel(view, host, this.places, sources, () => this.draw());
    this.sight.observe(host); // calls at once
  }

  /** Maps are most of the bytes of an explanation: they are sent once somebody could look. */
  async ask() {
    const {view} = this;
    const key = view.payload.places?.key ?? '';
    if (this.asking === key) return;
    this.asking = key;
    const answer = await view.server.maps({key}).catch(() => ({error: 'The server does not answer; reload the page'}));
    this.asking = '';
    if (key !== view.data?.places?.key) return; // another clip came in the meantime
    if (answer.error !== undefined) {
      if (this.waiting) this.waiting.textContent = `Error: ${answer.error}.`;
      return;
    }
    this.sent = {key, answer};
    this.load();
  }

  drawSoon() {
    if (!this.panel || !(this.isSeen || this.view.live.isOn)) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.draw(), DELAY);
  }

  draw() {
    if (!this.view.data || !this.panel) return;
    this.panel.draw(this.view.selected, this.isSeen);
    this.view.live.show(this.panel.picture, this.view.payload.maps.video_region);
  }

  /** Size or theme have changed. */
  redraw() {
    this.panel?.heatmap?.draw(this.view.selected, {isSeen: this.isSeen, fresh: true});
  }
}

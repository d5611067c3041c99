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
        if (this.isSeen) this.draw();
      },
      {rootMargin: '200px'},
    );
  }

  load() {
    const {view, host} = this;
    const {maps, sanity, places} = view.payload;
    this.panel?.clear();
    this.panel = null;
    this.places.load();
    host.replaceChildren(make('h2', {}, 'Inside the selected second'), ...sanityCheck(sanity));
    for (const words of [maps.absent, places?.absent]) {
      if (words) host.append(make('p', {class: 's2s-note'}, words));
    }
    const sources = sourcesOf(view.payload);
    if (!sources.length) return;
    this.panel = new SecondPanel(view, host, this.places, sources, () => this.draw());
    this.sight.disconnect();
    this.sight.observe(host); // calls at once
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

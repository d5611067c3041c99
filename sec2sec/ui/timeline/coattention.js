// Inside the selected second: which sound and which part of the picture go together. Draws what can be seen, when it
// can be seen.
/** @import {View} from './view.js' */
import {sourcesOf} from './choices.js';
import {make} from './dom.js';
import {Inside} from './inside.js';
import {Places} from './places.js';
import {sanityCheck} from './sanity.js';

const DELAY = 20; // ms; after the playhead's frame, never within it

export class CoAttention {
  /** @type {Inside | null} what is drawn of the clip; null where nothing can be */
  inside = null;
  /** Whether it is near the part of the page that a person sees. */
  isSeen = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer;

  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.panel = view.find('.s2s-co');
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
    const {view, panel} = this;
    const {maps, sanity, places} = view.payload;
    this.inside?.clear();
    this.inside = null;
    this.places.load();
    panel.replaceChildren(make('h3', {}, 'Inside the selected second'), ...sanityCheck(sanity));
    for (const words of [maps.absent, places?.absent]) {
      if (words) panel.append(make('p', {class: 's2s-note'}, words));
    }
    const sources = sourcesOf(view.payload);
    if (!sources.length) return;
    this.inside = new Inside(view, panel, this.places, sources, () => this.draw());
    this.sight.disconnect();
    this.sight.observe(panel); // calls at once
  }

  drawSoon() {
    if (!this.inside || !this.isSeen) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.draw(), DELAY);
  }

  draw() {
    if (this.view.data) this.inside?.draw(this.view.selected, this.isSeen);
  }

  /** Size or theme have changed. */
  redraw() {
    this.inside?.heatmap?.draw(this.view.selected, {isSeen: this.isSeen, fresh: true});
  }
}

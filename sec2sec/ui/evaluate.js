// The report of an evaluation: its clips farthest off are buttons that open them.
/** @import {Component} from '../viewer/types.d.ts' */
import {around} from '../viewer/dom.js';

/** @param {Component<{}>} component */
export function start({element, trigger}) {
  element.addEventListener('click', event => {
    const clip = around(event, 'button[data-rank]');
    if (clip) trigger('select', {target: clip.dataset.target, rank: Number(clip.dataset.rank)});
  });
}

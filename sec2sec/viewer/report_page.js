// The script of a report: unpacks the clip and plotly.js that the page carries, and starts the view of the app.
/** @import {Plotly} from './types.d.ts' */
import {find} from './dom.js';
import {start} from './main.js';
import {bytesOf} from './maps.js';

export function openReport() {
  const {player, mime} = JSON.parse(text('options'));
  const video = document.querySelector(`#${player} video`);
  if (video instanceof HTMLVideoElement)
    video.src = URL.createObjectURL(new Blob([bytesOf(text('clip'))], {type: mime}));
  window.__s2sPlotly = unpackedPlotly();
  start({
    element: find(document, '#view', HTMLElement),
    props: {value: text('payload'), video_id: player, link: true},
    trigger: () => {},
    watch: () => {},
    server: {places: refuse, maps: refuse},
  });
}

/** @returns {Promise<never>} */
function refuse() {
  return Promise.reject(new Error('a report has no server'));
}

/** Data that the page carries. @param {string} id */
function text(id) {
  return find(document, '#' + id, HTMLElement).textContent ?? '';
}

/** @returns {Promise<Plotly>} */
async function unpackedPlotly() {
  const packed = new Blob([bytesOf(text('plotly'))]).stream();
  const source = await new Response(packed.pipeThrough(new DecompressionStream('gzip'))).text();
  const script = document.createElement('script');
  script.textContent = source;
  document.head.append(script);
  return window.Plotly;
}

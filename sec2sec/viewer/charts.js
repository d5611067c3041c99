// plotly.js: loading it, and its figures in the colours of the page.
/** @import {Plotly} from './types.d.ts' */
import {make} from './dom.js';
import {isDark, servedFile} from './page.js';

export const CONFIG = {
  responsive: false,
  displayModeBar: false,
  displaylogo: false,
  scrollZoom: false,
  doubleClick: false,
};

/** plotly.js of the installed package, loaded once a page; a report has unpacked its own.
 * @param {string} [path] on the server */
export function plotly(path = '') {
  window.__s2sPlotly ??= new Promise((done, failed) => {
    const script = make('script', {src: servedFile(path)});
    script.onload = () => done(window.Plotly);
    script.onerror = () => failed(new Error('plotly.js could not be loaded'));
    document.head.append(script);
  });
  return /** @type {Promise<Plotly>} */ (window.__s2sPlotly);
}

/** A figure's layout with the colours and the font of what it stands in: Plotly knows no CSS variables.
 * @param {{[field: string]: any}} layout @param {HTMLElement} host */
export function themed(layout, host) {
  const [ink, line, zero] = isDark() ? ['#d5dae3', '#39424f', '#7b8798'] : ['#2b3442', '#dfe4ea', '#8a95a5'];
  /** @type {{[field: string]: any}} */
  const out = {
    ...layout,
    autosize: true,
    showlegend: false,
    paper_bgcolor: 'rgba(0,0,0,0)',
    plot_bgcolor: 'rgba(0,0,0,0)',
    font: {color: ink, size: 11, family: getComputedStyle(host).fontFamily},
    hoverlabel: {font: {size: 12}},
  };
  for (const name of Object.keys(layout).filter(key => /^[xy]axis/.test(key))) {
    const axis = {gridcolor: line, zerolinecolor: zero, linecolor: line, tickfont: {size: 11}, ...layout[name]};
    axis.fixedrange = true;
    if (axis.title) axis.title = {font: {size: 11}, ...axis.title};
    out[name] = axis;
  }
  return out;
}

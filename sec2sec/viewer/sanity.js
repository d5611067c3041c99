// The randomisation test: a map that barely depends on what the model learned must say so where it is shown.
/** @import {Examined, Sanity} from './types.d.ts' */
import {make} from './dom.js';
import {correlation} from './numbers.js';

/** @type {Record<Examined, string>} */
const TITLES = {
  attention: 'attention',
  effect: 'effect',
  maps: 'maps',
  integrated: 'integrated gradients',
  relevance: 'relevance',
};
const EXPLANATION =
  'Similarity (rank correlation) of what is shown to the same of a model whose parts are random, from the predictor ' +
  'backwards: 1 is the same, 0 is unrelated. What stays high does not show what the model learned (Adebayo et al. ' +
  '2018). Integrated gradients and relevance are compared once all is random.';

/** The warnings, and the figures behind them. @param {Sanity[]} checks one a target */
export function sanityCheck(checks) {
  if (!checks.length) return [];
  const failed = checks.filter(check => check.warning);
  const warnings = failed.map(({target, warning}) =>
    make('p', {class: 's2s-warning', role: 'note'}, make('b', {}, `⚠ ${target}: `), warning),
  );
  const figures = make(
    'details',
    {class: 's2s-sanity'},
    make('summary', {}, 'Figures of the sanity check'),
    make('p', {}, EXPLANATION),
    make('div', {class: 's2s-table', tabindex: 0, role: 'region', 'aria-label': 'Sanity check'}, table(checks)),
  );
  return [...warnings, figures];
}

/** @param {Sanity[]} checks */
function table(checks) {
  const steps = checks[0].steps.map(step => make('th', {scope: 'col'}, step));
  const rows = checks.flatMap(check =>
    /** @type {Examined[]} */ (Object.keys(TITLES)).map(part =>
      make(
        'tr',
        {},
        make('th', {scope: 'row'}, `${check.target}: ${TITLES[part]}`),
        ...check[part].map(similarity => make('td', {}, correlation(similarity))),
      ),
    ),
  );
  const head = make('thead', {}, make('tr', {}, make('td', {}, 'random by then:'), ...steps));
  return make('table', {}, head, make('tbody', {}, ...rows));
}

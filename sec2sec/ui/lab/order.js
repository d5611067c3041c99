// The orders in which the seconds of a clip can be played.

/** @typedef {'reverse' | 'first' | 'last' | 'own' | 'shuffle'} OrderName */

/** Indices of seconds as they are to be played. `own`: the starts of seconds, as a visitor typed them, unchecked.
 * @param {OrderName} name @param {number} count seconds of the clip @param {number[]} selected sorted
 * @param {string} [own] @param {() => number} [random] from [0, 1) @returns {number[]} */
export function orderOf(name, count, selected, own = '', random = Math.random) {
  const all = [...Array(count).keys()];
  const rest = all.filter(second => !selected.includes(second));
  if (name === 'reverse') return all.reverse();
  if (name === 'first') return [...selected, ...rest];
  if (name === 'last') return [...rest, ...selected];
  if (name === 'own') return (own.match(/\d+/g) ?? []).map(Number);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [all[i], all[j]] = [all[j], all[i]];
  }
  return all;
}

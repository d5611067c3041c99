// What a visitor chose, beyond the page.

/** @template {object} T @param {string} name @param {T} otherwise @returns {T} */
export function remembered(name, otherwise) {
  try {
    return Object.assign(otherwise, JSON.parse(localStorage.getItem('sec2sec.' + name) ?? '{}'));
  } catch {
    return otherwise; // a browser may forbid storage
  }
}

/** @param {string} name @param {object} value */
export function remember(name, value) {
  try {
    localStorage.setItem('sec2sec.' + name, JSON.stringify(value));
  } catch {
    // a browser may forbid storage: then it is forgotten with the page
  }
}

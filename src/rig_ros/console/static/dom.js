// Small means to build and find elements; text is always set as text.
export const $ = (selector) => document.querySelector(selector);

/** Make an element: h('li', {class: 'x', onclick}, child, 'text'). */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** Replace the children only when what they show has changed, to keep focus and selection. */
export function show(element, content, make) {
  const text = JSON.stringify(content);
  if (element.dataset.shown === text) return;
  element.dataset.shown = text;
  element.replaceChildren(...make());
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const SHAPES = {
  0: 'M6.6 12.2 2.8 8.4l1.4-1.4 2.4 2.4 5.2-5.2 1.4 1.4z', // tick
  1: 'M8 1.5 15 14H1z', // triangle
  2: 'M2 2h12v12H2z', // square
  3: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2m0 2.2a3.8 3.8 0 1 1 0 7.6 3.8 3.8 0 0 1 0-7.6', // ring
};
export const WORDS = ['OK', 'Warning', 'Error', 'Silent'];

/** A mark for a level that does not need colour to be told apart. */
export function mark(level) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('class', `mark l${level}`);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', WORDS[level] ?? 'Unknown');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', SHAPES[level] ?? SHAPES[3]);
  svg.append(path);
  return svg;
}

export const short = (id) => (id ? id.slice(0, 12) : 'none');

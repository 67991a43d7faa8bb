// The trainer's figures and curves.
import { $, h, setText, show } from './dom.js';
import { get, on } from './store.js';
import { plot } from './plot.js';

const FIRST = ['env_steps', 'trained_steps', 'backlog_steps', 'episodes', 'models', 'policy_updates'];
const HIDDEN = new Set(['t', 'phase_done', 'phase_total', 'child_pid', 'child_restarts', 'episodes_known', 'lead_steps']);
const title = (name) => name.replaceAll('_', ' ').replace(/^./, (c) => c.toUpperCase());

function draw() {
  const learning = get('learning');
  if (!learning || $('#view-learning').hidden) return;
  const { newest, rows } = learning;
  const total = Number(newest.phase_total);
  setText($('#trainer'), `Phase: ${newest.phase}${total ? `, ${newest.phase_done} of ${newest.phase_total}` : ''}`);
  const facts = FIRST.filter((name) => name in newest);
  show($('#trainer-figures'), facts.map((n) => newest[n]), () => facts.map((name) => h('div', {},
    h('dt', {}, title(name)), h('dd', {}, Number(newest[name]).toLocaleString('en')))));
  const names = Object.keys(rows.at(-1) ?? {}).filter((n) => !FIRST.includes(n) && !HIDDEN.has(n)
    && rows.some((row) => row[n] !== rows[0][n]));
  show($('#curves'), names, () => names.map((name) => h('div', { class: 'card' }, h('h2', {}, title(name)),
    h('canvas', { class: 'plot', 'data-curve': name, role: 'img', 'aria-label': title(name) }))));
  for (const canvas of document.querySelectorAll('[data-curve]')) {
    const name = canvas.dataset.curve;
    const points = rows.filter((row) => Number.isFinite(row[name])).map((row) => [row.env_steps ?? row.t, row[name]]);
    plot(canvas, points, { xLabel: (x) => Math.round(x).toLocaleString('en') });
    canvas.setAttribute('aria-label', `${title(name)}, newest ${points.at(-1)?.[1]}`);
  }
}

export function start() {
  on('learning', draw);
  addEventListener('hashchange', () => setTimeout(draw));
  addEventListener('resize', draw);
}

// The trainer's figures and curves.
import { $, h, setText, show } from './dom.js';
import { get, on } from './store.js';
import { act, ask } from './actions.js';
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

async function load(model) {
  if (await ask({ title: 'Load this model?', yes: 'Load',
    text: `${model.file}: all nodes check it first; it is used from the next episode on. A running trainer's next model replaces it.` })) act('model_load', { bundle_id: model.bundle_id });
}

function state(model) {
  const reports = Object.values(get('models') ?? {});
  if (reports.length && reports.every((r) => r.active === model.bundle_id)) return 'in use';
  if (reports.length && reports.every((r) => [r.active, r.ready].includes(model.bundle_id))) return 'ready: from the next episode on';
  const refusal = reports.find((r) => r.refused === model.bundle_id);
  return refusal ? `refused: ${refusal.reason}` : '';
}

let models = [];
function showModels() {
  const median = (m) => Number(m.evaluation.median_final_distance_m ?? m.evaluation.median_m);
  const amount = (value, unit) => unit === 'rad' ? `${value.toFixed(3)} rad` : `${(100 * value).toFixed(1)} cm`;
  show($('#models'), models.map((m) => [m.bundle_id, state(m)]), () => models.map((model) => h('li', {},
    h('b', {}, model.file), h('span', { class: 'muted' }, [model.task, model.bundle_id.slice(0, 12),
      Number.isFinite(median(model)) ? `median ${amount(median(model), model.evaluation.unit)}` : '', state(model)].filter(Boolean).join(', ')),
    h('span', { class: 'judge' }, h('button', { type: 'button', class: 'small', disabled: state(model) === 'in use',
      'aria-label': `Load ${model.file}`, onclick: () => load(model) }, 'Load…')))));
}

async function refresh() {
  if ($('#view-learning').hidden) return;
  const found = await act('models', {}, true);
  if (found) { models = found; showModels(); }
}

export function start() {
  on('learning', draw);
  on('models', showModels);
  addEventListener('hashchange', () => setTimeout(() => { draw(); refresh(); }));
  setTimeout(refresh, 500);
  addEventListener('resize', draw);
}

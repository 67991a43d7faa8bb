// The view of what happens now: pictures, distance, episode, problems, model, rates.
import { $, h, mark, setText, short, show, WORDS } from './dom.js';
import { get, on } from './store.js';
import { plot } from './plot.js';

const WINDOW_S = 30;
const STAGES = [
  ['Camera', ['sim', 'camera'], 'camera/image'], ['Encoder', ['encoder'], 'latent'],
  ['Policy', ['policy'], 'policy/cmd_twist'], ['Guard', ['guard'], 'cmd_twist'],
];
const TITLES = { collect: 'Collecting pictures', practise: 'Practising an imagined goal', reach: 'Reaching for the goal' };
let points = []; // [stamp in s, distance]
let drawn = false;

function picture(subject, canvas, drawnOne) {
  const pen = canvas.getContext('2d');
  let busy = false;
  let waiting = null;
  const draw = async (value) => {
    if (busy) { waiting = value; return; }
    busy = true;
    try {
      const bitmap = await createImageBitmap(value.blob);
      if (canvas.width !== bitmap.width) { canvas.width = bitmap.width; canvas.height = bitmap.height; }
      pen.drawImage(bitmap, 0, 0);
      bitmap.close();
      drawnOne?.(value);
    } finally {
      busy = false;
      if (waiting) { const next = waiting; waiting = null; draw(next); }
    }
  };
  on(subject, draw);
}

function drawDistance() {
  if (drawn) return;
  drawn = true;
  requestAnimationFrame(() => {
    drawn = false;
    const newest = points.at(-1);
    setText($('#distance'), newest && get('link')?.camera === 'live' ? newest[1].toFixed(2) : '–');
    const end = newest?.[0] ?? 0;
    const starts = (get('episodes') ?? []).filter((e) => e.kind === 'start')
      .map((e) => Number(e.stamp_ns) / 1e9 - end);
    plot($('#distance-plot'), points.filter(([t]) => t >= end - WINDOW_S).map(([t, d]) => [t - end, d]), {
      xMin: -WINDOW_S, xMax: 0, fromZero: true, marks: starts,
      xLabel: (x) => (x === 0 ? 'now' : `${x.toFixed(0)} s`),
      empty: 'Shown while a goal is active',
    });
  });
}

function problemItem(part) {
  return h('li', {}, mark(part.level), h('span', {},
    h('b', {}, `${part.name} `), h('span', {}, part.message),
    part.remedy ? h('span', { class: 'remedy' }, part.remedy) : null));
}

const SILENT = 3;
const nodeOf = (part) => part.name.split(':')[0];

/** What needs attention: a silent node counts once, a silent graph counts as one. */
function problems(parts) {
  const silent = parts.filter((p) => p.level === SILENT);
  if (silent.length && silent.length === parts.length) {
    return [{ name: 'graph', level: SILENT, message: 'no node has spoken for 3 s',
      remedy: 'Is it up, on this ROS domain? The page goes on by itself when it is back.' }];
  }
  const nodes = [...new Map(silent.map((p) => [nodeOf(p), p])).values()];
  return [...nodes.map((p) => ({ ...p, name: nodeOf(p), message: 'silent for more than 3 s' })),
    ...parts.filter((p) => p.level > 0 && p.level !== SILENT).sort((a, b) => b.level - a.level)];
}

function showParts(parts) {
  const wrong = problems(parts);
  const calm = parts.length ? 'All parts report OK' : 'No node has reported yet. Start a graph: rig_ros up sim';
  show($('#problems'), wrong.map((p) => [p.name, p.level, p.message]), () => (wrong.length
    ? wrong.map(problemItem) : [h('li', {}, mark(parts.length ? 0 : 3), h('span', {}, calm))]));
  show($('#parts'), parts.map((p) => [p.name, p.level, p.message]), () => parts.map((part) => h('li', {},
    mark(part.level), h('span', {}, h('b', {}, `${part.name} `), h('span', { class: 'muted' }, WORDS[part.level]),
      h('span', { class: 'remedy' }, [part.message, part.remedy].filter(Boolean).join('. '))))));
  const value = (name) => parts.find((p) => p.name === name);
  const episode = value('episode: episode');
  const last = (get('episodes') ?? []).at(-1);
  const running = last?.kind === 'start' && episode?.level !== 3;
  setText($('#episode'), !episode ? 'Waiting for the graph'
    : running ? TITLES[last.mode] ?? last.reason : sentence(episode.message));
  $('#steps').max = Number(last?.horizon) || 1;
  $('#steps').value = running ? Number(episode?.values.steps) || 0 : 0;
  $('#start').classList.toggle('primary', !running);
  $('#stop').classList.toggle('primary', running);
  setText($('#episode-figures'), episode
    ? `${running ? `Step ${episode.values.steps} of ${last.horizon}. ` : ''}Episodes since the start of the graph: ${episode.values.episodes}` : '');
  const free = Number(value('recorder: recording')?.values.free_mib);
  const encoder = (get('models') ?? {}).encoder ?? {};
  const rows = [['Bundle', short(encoder.active)], ['Encoder', short(encoder.active_encoder)]];
  if (encoder.ready) rows.push(['Ready', short(encoder.ready)]);
  if (encoder.refused) rows.push(['Refused', short(encoder.refused)]);
  rows.push(['Disk left', Number.isFinite(free) ? `${(free / 1024).toFixed(1)} GiB` : 'unknown']);
  const task = last?.task;
  if (task) rows.unshift(['Task', task]);
  show($('#model'), rows, () => rows.flatMap(([name, text]) => [h('dt', {}, name), h('dd', { class: 'id' }, text)]));
}

const ENDS = { 'end: horizon': 'Finished: all steps done', 'end: new goal': 'Ended by a new goal' };
const sentence = (text) => ENDS[text] ?? (text ? text[0].toUpperCase() + text.slice(1) : '');

function showTiming(timing) {
  const rows = STAGES.map(([title, nodes, topic]) => {
    const values = nodes.map((node) => timing[node]).find((v) => v && `${topic} rate_hz` in v) ?? {};
    const [rate, mid, high] = ['rate_hz', 'p50_ms', 'p99_ms'].map((k) => values[`${topic} ${k}`]);
    return [title, rate ? `${rate} Hz` : '–', mid ? `${Number(mid).toFixed(0)} ms` : '–',
      high ? `${Number(high).toFixed(0)} ms` : '–'];
  });
  show($('#rates'), rows, () => [h('tr', {}, h('th', {}, 'Stage'), h('th', {}, 'Rate'),
    h('th', {}, 'Usual'), h('th', {}, 'Slowest')), ...rows.map((row) => h('tr', {}, ...row.map((c) => h('td', {}, c))))]);
  show($('#timing'), timing, () => Object.entries(timing).map(([node, values]) => h('details', {},
    h('summary', {}, node), h('dl', { class: 'pairs' }, ...Object.entries(values).flatMap(
      ([k, v]) => [h('dt', {}, k), h('dd', {}, v)])))));
}

export function start() {
  picture('camera', $('#camera'), (value) => { window.pictureDelayMs = Date.now() - value.stampMs; });
  picture('goal_picture', $('#goal'));
  on('goal', (goal) => {
    $('#goal').closest('figure').classList.toggle('is-old', !goal.id);
    $('#find-goal').hidden = Boolean(goal.id);
    if (!goal.id) points = [];
    drawDistance();
  });
  on('link', (link) => {
    const old = link.camera !== 'live';
    $('#camera').closest('figure').classList.toggle('is-old', old);
    setText($('#camera-note'), old ? 'no picture arrives' : 'live');
    drawDistance();
  });
  on('parts', (parts) => {
    showParts(parts);
    const goal = parts.find((p) => p.name === 'goal: goal');
    setText($('#goal-note'), goal ? goal.message : '');
  });
  on('models', () => showParts(get('parts') ?? []));
  on('episodes', () => { showParts(get('parts') ?? []); drawDistance(); });
  on('timing', showTiming);
  on('distance_history', (history) => { points = history.map(([t, d]) => [t / 1e9, d]); drawDistance(); });
  on('distance', ([t, d]) => {
    points.push([t / 1e9, d]);
    if (points.length > 2000) points.splice(0, 1000);
    drawDistance();
  });
  addEventListener('resize', drawDistance);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawDistance);
}

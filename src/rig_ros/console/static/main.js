// Starts the page: views, link, control, e-stop.
import { $, mark, setText, show } from './dom.js';
import { connect, get, on } from './store.js';
import { act, ask, holdsControl, release, take, toast, trip } from './actions.js';
import * as live from './live.js';
import * as goals from './goals.js';
import * as learning from './learning.js';

const DOUBLE_MS = 600;
const VIEWS = [...document.querySelectorAll('.view')].map((view) => view.id.replace('view-', ''));

function route() {
  const wanted = location.hash.slice(1);
  const chosen = VIEWS.includes(wanted) ? wanted : 'live';
  for (const name of VIEWS) $(`#view-${name}`).hidden = name !== chosen;
  for (const link of document.querySelectorAll('.tabs a')) {
    if (link.getAttribute('href') === `#${chosen}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

function showLink() {
  const link = get('link');
  const connected = get('connected');
  $('#offline').hidden = connected !== false;
  const [level, text] = connected === false ? [2, 'no connection']
    : !link || link.ros !== 'joined' ? [1, 'joining the graph']
      : !link.nodes ? [1, 'no graph'] : link.nodes < link.known ? [1, `${link.nodes} of ${link.known} nodes`]
        : [0, `${link.nodes} nodes`];
  show($('#link'), [level, text], () => [mark(level), text]);
  document.body.classList.toggle('is-offline', connected === false);
}

let lastTripped = null; // outlives a restart of the console

function showEstop({ tripped, known }) {
  lastTripped = tripped ?? lastTripped;
  const [title, text] = known ? ['E-stop is tripped.', 'The hand is commanded to hold.']
    : [`Guard silent: e-stop state unknown, last known: ${lastTripped ? 'tripped' : 'clear'}.`,
      'This page may not be able to stop the arm: keep clear, use the physical e-stop.'];
  $('#tripped').hidden = known ? !tripped : lastTripped === null;
  $('#tripped').classList.toggle('calm', !known && !lastTripped);
  setText($('#tripped strong'), title);
  setText($('#tripped span'), text);
  $('#clear').hidden = !lastTripped;
  const stopped = Boolean(known && tripped);
  $('#estop').classList.toggle('is-tripped', stopped);
  setText($('#estop span'), stopped ? 'Stopped' : 'Stop the arm');
}

function showControl() {
  const holder = get('control');
  const mine = holdsControl();
  setText($('#control'), mine ? 'Release control' : 'Take control');
  setText($('#operator'), mine ? 'You have control' : holder?.mark ? `${holder.name} has control` : 'Nobody has control');
}

async function changeControl() {
  try {
    if (holdsControl()) { await release(); return; }
    let name = 'operator';
    try { name = localStorage.getItem('name') ?? ''; } catch { /* private window */ }
    const given = await ask({ title: 'Take control', yes: 'Take control', field: { label: 'Your name, shown to others', value: name },
      text: 'One person commands the arm; others watch. Everybody can stop it.' });
    if (given !== false) await take(given || 'operator');
  } catch (error) { toast(error.message, true); }
}

async function clearEstop() {
  const sure = await ask({ title: 'Clear the e-stop?', yes: 'Clear e-stop',
    text: 'Look at the arm: is everybody clear of it? It stays still until somebody presses Start or sets a goal.' });
  if (sure) act('estop_clear');
}

async function reset() {
  const sure = await ask({ title: 'Reset the arm?', yes: 'Reset',
    text: 'The hand moves back to its start. Put objects back by hand first, and stay clear.' });
  if (sure) act('reset');
}

const mode = () => (get('parts') ?? []).find((p) => p.name === 'episode: episode')?.values.mode;

async function begin() {
  const again = mode() === 'collect' || mode() === 'practise';
  if (again && !await ask({ title: 'Start?', yes: 'Start',
    text: 'The arm moves episode after episode until somebody presses Stop. Is its surrounding clear?' })) return;
  act('start');
}

function showMode() {
  const now = mode();
  for (const button of document.querySelectorAll('[data-mode]')) {
    button.setAttribute('aria-pressed', String(button.dataset.mode === now));
    button.disabled = now === undefined;
  }
}

async function changeMode(wanted) {
  if (wanted === mode()) return;
  if (await ask({ title: `Change to ${wanted}?`, yes: 'Change', text: 'An episode under way ends. Nothing moves before the next start.' })) act('mode', { mode: wanted });
}

let escapeMs = -Infinity;
addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || event.repeat) return;
  if ($('#ask').open) $('#ask').close();
  if (event.timeStamp - escapeMs < DOUBLE_MS) { escapeMs = -Infinity; trip(); } else escapeMs = event.timeStamp;
});
addEventListener('hashchange', () => { route(); scrollTo(0, 0); });
route();
$('#estop').addEventListener('click', trip);
$('#clear').addEventListener('click', clearEstop);
$('#control').addEventListener('click', changeControl);
$('#reset').addEventListener('click', reset);
for (const button of document.querySelectorAll('[data-do]')) button.addEventListener('click', () => act(button.dataset.do));
$('#start').addEventListener('click', begin);
for (const button of document.querySelectorAll('[data-mode]')) button.addEventListener('click', () => changeMode(button.dataset.mode));
on('parts', showMode);
on('link', showLink);
on('connected', showLink);
on('estop', showEstop);
on('control', showControl);
on('you', showControl);
live.start();
goals.start();
learning.start();
connect();

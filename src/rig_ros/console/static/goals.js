// The view of goals: pictures to choose from, the library, the queue and its results.
import { $, h, setText, show } from './dom.js';
import { get, on } from './store.js';
import { act, ask, post, take, toast, holdsControl } from './actions.js';

const MAX_BYTES = 12 * 1024 * 1024;
const SAVE = { imagined: 'Pin', other: 'Save' };
const DROP = { imagined: 'Veto', other: 'Drop' };

const slug = (text) => text.toLowerCase().normalize('NFKD').replace(/[^a-z0-9_-]+/g, '-').replace(/^[-_]+|-+$/g, '').slice(0, 40);
const image = (place, name, alt) => h('img', { src: `/api/picture/${place}/${name}`, alt, loading: 'lazy' });
const button = (text, onclick, label) => h('button', { type: 'button', class: 'small', onclick, 'aria-label': label }, text);

async function save(candidate) {
  const name = await ask({ title: 'Save this goal', yes: 'Save', text: 'It goes into the library, with the results of each attempt.',
    field: { label: 'Name', value: `goal-${(get('library') ?? []).length + 1}` } });
  if (name) await act('goal_save', { number: candidate.number, name: slug(name) });
}

function candidateTile(candidate) {
  const kind = candidate.kind === 'imagined' ? 'imagined' : 'other';
  const about = `${candidate.source}, number ${candidate.number}`;
  return h('li', {}, image('tray', candidate.number, candidate.source),
    h('span', { class: 'muted' }, [candidate.source, candidate.note].filter(Boolean).join(', ')),
    h('span', { class: 'row' },
      button('Pursue', () => act('goal_send', { number: candidate.number }), `Pursue ${about}`),
      button(`${SAVE[kind]}…`, () => save(candidate), `${SAVE[kind]} ${about}`),
      button(DROP[kind], () => act('veto', { number: candidate.number }, true), `${DROP[kind]} ${about}`)));
}

function rate(goal) {
  if (!goal.attempts) return 'not tried yet';
  const tried = `${goal.attempts} ${goal.attempts === 1 ? 'attempt' : 'attempts'}`;
  return goal.labelled ? `${tried}, reached ${goal.successes} of ${goal.labelled} judged` : tried;
}

function goalTile(goal) {
  const remove = async () => {
    if (await ask({ title: `Remove ${goal.name}?`, yes: 'Remove', text: 'Its files move to the folder .removed of the library.' })) act('goal_remove', { name: goal.name });
  };
  return h('li', {}, image('library', goal.name, goal.name), h('b', {}, goal.name),
    h('span', { class: 'muted' }, rate(goal)),
    h('span', { class: 'row' },
      button('Pursue', () => act('goal_send', { name: goal.name }), `Pursue ${goal.name}`),
      button('Queue', () => act('queue_add', { name: goal.name }, true), `Queue ${goal.name}`),
      button('Remove…', remove, `Remove ${goal.name}`)));
}

const OUTCOMES = { sent: 'is the goal', runs: 'on its way', end: 'ended', abort: 'aborted', skipped: 'not pursued' };

/** How far it was in the end: truly, where a simulation told, else in latent space. */
function apart({ gap, distance }) {
  if (gap) return `${gap.of} ${gap.of === 'door' ? `${(gap.distance * 180 / Math.PI).toFixed(1)}°` : `${(100 * gap.distance).toFixed(1)} cm`} from its place`;
  return distance === null ? '' : `latent distance ${distance.toFixed(2)}`;
}

function resultItem(result) {
  const facts = [OUTCOMES[result.outcome], result.outcome === 'end' ? `after ${result.steps} steps` : result.reason,
    apart(result)].filter(Boolean).join(', ');
  const verdict = (text, value) => h('button', { type: 'button', class: 'small', 'aria-pressed': String(result.success === value),
    'aria-label': `${result.label}: ${text}`,
    onclick: () => act('judge', { id: result.id, success: result.success === value ? null : value }, true) }, text);
  const judged = result.outcome === 'end' || result.outcome === 'abort';
  return h('li', {}, h('b', {}, result.label), h('span', { class: 'muted' }, facts),
    judged ? h('span', { class: 'judge' }, verdict('Reached', true), verdict('Missed', false)) : null);
}

function showQueue(queue) {
  show($('#queue'), queue.waiting, () => (queue.waiting.length ? queue.waiting.map((item) => h('li', {},
    image('library', item.name, ''), item.name,
    button('Remove', () => act('queue_drop', { number: item.number }, true), `Take ${item.name} out of the queue`)))
    : [h('li', { class: 'empty' }, 'Empty. Press Queue on goals of the library.')]));
  setText($('#queue-note'), queue.running ? 'Runs: goals follow one another' : queue.note);
  show($('#results'), queue.results, () => (queue.results.length ? queue.results.map(resultItem)
    : [h('li', { class: 'empty' }, 'What comes of each goal appears here.')]));
}

let previewed; // number of the picture that was sent last
async function upload(file) {
  if (!file) return;
  if (file.size > MAX_BYTES) { toast(`${file.name} is larger than 12 MiB. Make it smaller.`, true); return; }
  try {
    if (!holdsControl() && !get('control')?.mark) await take();
    const { answer } = await post(`/api/upload?name=${encodeURIComponent(file.name)}`, file);
    const [x, y, width, height] = answer.region;
    const square = $('#preview-square').style;
    square.left = `${(100 * x) / answer.width}%`;
    square.top = `${(100 * y) / answer.height}%`;
    square.width = `${(100 * width) / answer.width}%`;
    square.height = `${(100 * height) / answer.height}%`;
    URL.revokeObjectURL($('#preview-file').src);
    $('#preview-file').src = URL.createObjectURL(file);
    $('#preview-result').src = `data:image/png;base64,${answer.png}`;
    $('#preview').hidden = false;
    previewed = answer.number;
  } catch (error) { toast(error.message, true); }
}

function acceptDrops() {
  const files = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
  addEventListener('dragover', (event) => {
    if (!files(event)) return;
    event.preventDefault();
    document.body.classList.add('is-dropping');
  });
  addEventListener('dragleave', (event) => { if (!event.relatedTarget) document.body.classList.remove('is-dropping'); });
  addEventListener('drop', (event) => {
    if (!files(event)) return;
    event.preventDefault();
    document.body.classList.remove('is-dropping');
    location.hash = '#goals';
    upload(event.dataTransfer.files[0]);
  });
}

export function start() {
  on('tray', (tray) => {
    show($('#tray'), tray, () => tray.map(candidateTile));
    if (previewed && !tray.some((candidate) => candidate.number === previewed)) $('#preview').hidden = true;
  });
  on('library', (library) => show($('#library'), library, () => (library.length ? library.map(goalTile)
    : [h('li', { class: 'empty' }, 'No saved goals yet. Capture one, or send a picture.')])));
  on('queue', showQueue);
  on('report', (name) => { $('#report').hidden = !name; });
  $('#evaluate').addEventListener('click', async () => {
    const count = (get('library') ?? []).length;
    if (await ask({ title: 'Evaluate all goals?', yes: 'Evaluate', text: `The arm pursues the ${count} goals of the library, one after another. Then a report is written.` })) act('evaluate');
  });
  $('#choose').addEventListener('click', () => $('#file').click());
  $('#file').addEventListener('change', ({ target }) => { upload(target.files[0]); target.value = ''; });
  $('#capture').addEventListener('click', async () => {
    const answer = await act('capture', {}, true);
    if (answer) { await save(answer); }
  });
  acceptDrops();
}

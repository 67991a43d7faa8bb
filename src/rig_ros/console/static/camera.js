// Sets a camera up: draws its picture, lets a person drag the crop, compares with the reference.
import { $, h, mark, setText, show } from './dom.js';
import { logIn } from './store.js';
import { command, toast } from './actions.js';

const STATE_MS = 500;
const GRIP = 14; // reach of a corner, on the screen
const LEAST = 8; // px of the source
const stage = $('#stage');
const pen = stage.getContext('2d');
const sides = ['x', 'y', 'width', 'height'];
let state = null;
let live = null; // newest picture
let reference = null;
let crop = null; // {x, y, width, height} in the source's pixels
let drag = null;
let policyOf = '';

const list = () => sides.map((side) => crop[side]);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** Take over a crop, inside the picture and, if wanted, square. */
function setCrop(wanted) {
  const { width: W, height: H } = state;
  let width = clamp(Math.round(wanted.width), LEAST, W);
  let height = clamp(Math.round(wanted.height), LEAST, H);
  if ($('#square').checked) width = height = Math.min(wanted.grown === 'height' ? height : width, W, H);
  crop = { width, height, x: clamp(Math.round(wanted.x), 0, W - width), y: clamp(Math.round(wanted.y), 0, H - height) };
  for (const side of sides) {
    const input = $(`#crop-${side}`);
    if (document.activeElement !== input) input.value = crop[side];
  }
  draw();
}

function draw() {
  if (stage.width !== state.width || stage.height !== state.height) {
    stage.width = state.width;
    stage.height = state.height;
  }
  if (!live) return;
  pen.globalAlpha = 1;
  pen.globalCompositeOperation = 'source-over';
  pen.drawImage(live, 0, 0, stage.width, stage.height);
  if (reference) {
    const difference = $('#difference').checked;
    pen.globalCompositeOperation = difference ? 'difference' : 'source-over';
    pen.globalAlpha = difference ? 1 : $('#blend').value / 100;
    pen.drawImage(reference, 0, 0, stage.width, stage.height);
    pen.globalAlpha = 1;
    pen.globalCompositeOperation = 'source-over';
  }
  const { x, y, width, height } = crop;
  pen.fillStyle = 'rgb(10 12 16 / 55%)';
  pen.fillRect(0, 0, stage.width, y);
  pen.fillRect(0, y + height, stage.width, stage.height - y - height);
  pen.fillRect(0, y, x, height);
  pen.fillRect(x + width, y, stage.width - x - width, height);
  const thin = stage.width / stage.clientWidth;
  pen.lineWidth = 2 * thin;
  pen.strokeStyle = '#fff';
  pen.strokeRect(x, y, width, height);
  pen.fillStyle = '#fff';
  for (const [cx, cy] of corners()) pen.fillRect(cx - 5 * thin, cy - 5 * thin, 10 * thin, 10 * thin);
}

const corners = () => [[crop.x, crop.y], [crop.x + crop.width, crop.y],
  [crop.x, crop.y + crop.height], [crop.x + crop.width, crop.y + crop.height]];

function place(event) {
  const box = stage.getBoundingClientRect();
  const scale = stage.width / box.width;
  return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale, scale];
}

stage.addEventListener('pointerdown', (event) => {
  if (!crop) return;
  const [x, y, scale] = place(event);
  const corner = corners().findIndex(([cx, cy]) => Math.hypot(cx - x, cy - y) < GRIP * scale);
  const inside = x > crop.x && x < crop.x + crop.width && y > crop.y && y < crop.y + crop.height;
  const fixed = corner >= 0 ? corners()[3 - corner] : inside ? null : [x, y];
  drag = { fixed, dx: x - crop.x, dy: y - crop.y };
  stage.setPointerCapture(event.pointerId);
});
stage.addEventListener('pointermove', (event) => {
  if (!drag) return;
  const [x, y] = place(event);
  if (!drag.fixed) { setCrop({ ...crop, x: x - drag.dx, y: y - drag.dy }); return; }
  const [fx, fy] = drag.fixed;
  let width = clamp(Math.abs(x - fx), LEAST, x > fx ? stage.width - fx : fx);
  let height = clamp(Math.abs(y - fy), LEAST, y > fy ? stage.height - fy : fy);
  if ($('#square').checked) width = height = Math.min(Math.max(width, height), x > fx ? stage.width - fx : fx, y > fy ? stage.height - fy : fy);
  setCrop({ width, height, x: x > fx ? fx : fx - width, y: y > fy ? fy : fy - height });
});
for (const end of ['pointerup', 'pointercancel']) stage.addEventListener(end, () => { drag = null; });

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
stage.addEventListener('keydown', (event) => {
  const step = STEPS[event.key];
  if (!step || !crop) return;
  event.preventDefault();
  const [dx, dy] = step;
  if (event.shiftKey) setCrop({ ...crop, width: crop.width + dx, height: crop.height + dy, grown: dy ? 'height' : 'width' });
  else setCrop({ ...crop, x: crop.x + dx, y: crop.y + dy });
});

async function showPictures() {
  let number = '';
  for (;;) {
    try {
      const answer = await fetch(`/api/picture?after=${number}`);
      if (!answer.ok) throw new Error('no picture');
      const next = await createImageBitmap(await answer.blob());
      live?.close();
      live = next;
      number = answer.headers.get('X-Number');
      if (crop) draw();
      await showPolicy();
    } catch {
      await new Promise((done) => setTimeout(done, STATE_MS));
    }
    if (document.hidden) await new Promise((done) => setTimeout(done, STATE_MS));
  }
}

async function showPolicy() {
  if (!crop) return;
  const answer = await fetch(`/api/policy?crop=${list()}`);
  if (!answer.ok) return;
  const url = URL.createObjectURL(await answer.blob());
  $('#policy').src = url;
  if (policyOf) URL.revokeObjectURL(policyOf);
  policyOf = url;
}

async function getReference() {
  const answer = await fetch('/api/reference');
  if (answer.ok) reference = await createImageBitmap(await answer.blob());
}

function showFindings() {
  const { findings, checking } = state;
  show($('#findings'), [findings, checking], () => (checking
    ? [h('li', {}, mark(3), h('span', {}, 'Watching. Keep everything still.'))]
    : findings.map((found) => h('li', {}, mark(found.ok ? 0 : found.essential ? 2 : 1),
      h('span', {}, h('b', {}, found.name), ` ${found.found}`,
        found.ok ? null : h('span', { class: 'remedy' }, found.remedy))))));
  $('#check').disabled = checking;
}

async function look() {
  try {
    state = await (await fetch('/api/state')).json();
    setText($('#source'), `${state.source}, ${state.width}x${state.height}, ${state.hz} Hz`);
    setText($('#size'), `${state.size}x${state.size}`);
    $('#problem').hidden = !state.problem;
    setText($('#problem span'), state.problem);
    show($('#link'), state.problem ? 2 : 0, () => [mark(state.problem ? 2 : 0), state.problem ? 'no pictures' : 'live']);
    if (!crop && state.crop.length) {
      const [x, y, width, height] = state.crop;
      $('#square').checked = width === height;
      setCrop({ x, y, width, height });
    }
    if (crop) setText($('#saved'), `${list().join() === state.crop.join() ? 'In use' : 'Not saved'}: ${state.file}`);
    if (state.reference && !reference) await getReference();
    $('#with-reference').hidden = !state.reference;
    $('#without-reference').hidden = state.reference;
    setText($('#movement'), !state.movement ? 'Whether the view is the same cannot be told: too little in it stands out. Use the slider.'
      : state.movement.same ? 'The view is the same.' : `Things now stand ${state.movement.text}.`);
    showFindings();
  } catch {
    show($('#link'), 3, () => [mark(3), 'no connection']);
  }
  setTimeout(look, STATE_MS);
}

async function act(name, fields) {
  try {
    toast(await command(name, fields));
  } catch (error) {
    toast(error.message, true);
  }
}

$('#save').addEventListener('click', () => act('save', { crop: list() }));
$('#centre').addEventListener('click', () => {
  const side = Math.min(state.width, state.height);
  setCrop({ x: Math.floor((state.width - side) / 2), y: Math.floor((state.height - side) / 2), width: side, height: side });
});
$('#reference').addEventListener('click', async () => { await act('reference'); await getReference(); });
$('#check').addEventListener('click', () => act('check'));
$('#free').addEventListener('click', () => act('free'));
for (const input of ['#blend', '#difference']) $(input).addEventListener('input', draw);
$('#square').addEventListener('change', () => setCrop(crop));
for (const side of sides) $(`#crop-${side}`).addEventListener('change', () => {
  setCrop({ ...crop, [side]: Number($(`#crop-${side}`).value), grown: side });
  $(`#crop-${side}`).value = crop[side];
});

await logIn('').catch(() => {});
look();
showPictures();

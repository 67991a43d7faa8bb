// What the server says, subject by subject. Connects again by itself, for ever.
const subjects = new Map();
const listeners = new Map();
const BACK_OFF_MS = [200, 500, 1000, 2000, 4000];
const SILENT_MS = 4000; // the server speaks twice a second
const PICTURES = { 1: 'camera', 2: 'goal_picture' };
let tries = 0;

/** A secret of this page: control is held by it. Survives a reload, not the tab. */
export const key = (() => {
  const stored = sessionStorage.getItem('key');
  if (stored) return stored;
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const made = [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
  sessionStorage.setItem('key', made);
  return made;
})();

export const get = (subject) => subjects.get(subject);

/** Run `listener(value)` now, if the subject is known, and whenever it changes. */
export function on(subject, listener) {
  if (!listeners.has(subject)) listeners.set(subject, new Set());
  listeners.get(subject).add(listener);
  if (subjects.has(subject)) listener(subjects.get(subject));
}

export function put(subject, value) {
  subjects.set(subject, value);
  for (const listener of listeners.get(subject) ?? []) listener(value);
}

function takePicture(buffer) {
  const head = new DataView(buffer, 0, 9);
  const kind = PICTURES[head.getUint8(0)];
  const stampMs = Number(head.getBigUint64(1, true) / 1000n) / 1000;
  const blob = new Blob([new Uint8Array(buffer, 9)], { type: 'image/png' });
  put(kind, { blob, stampMs });
}

/** Trade the token of the address for a cookie, and show `view` instead of it. */
export async function logIn(view) {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token === null) return;
  history.replaceState(null, '', `${location.pathname}#${view}`);
  await fetch('/api/login', { method: 'POST', body: JSON.stringify({ token }) });
}

function open() {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const socket = new WebSocket(`${scheme}://${location.host}/api/live?key=${key}`);
  socket.binaryType = 'arraybuffer';
  let seenMs = Date.now();
  // On a dead line nobody answers a close either, and `onclose` comes late (Chromium: after more than 15 s).
  const lose = () => {
    clearInterval(watch);
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    put('connected', false);
    setTimeout(open, BACK_OFF_MS[Math.min(tries++, BACK_OFF_MS.length - 1)]);
  };
  const watch = setInterval(() => { if (Date.now() - seenMs > SILENT_MS) lose(); }, 1000);
  socket.onopen = () => { tries = 0; put('connected', true); };
  socket.onmessage = ({ data }) => {
    seenMs = Date.now();
    if (data instanceof ArrayBuffer) return takePicture(data);
    const { subject, value } = JSON.parse(data);
    if (subject !== 'beat') put(subject, value);
  };
  socket.onclose = lose;
}

export async function connect() {
  try { await logIn('live'); } catch { /* the stream tells */ }
  open();
}

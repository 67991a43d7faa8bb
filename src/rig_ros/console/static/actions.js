// Asking the server to do something, and telling the person how it went.
import { $, h } from './dom.js';
import { get, key } from './store.js';

const TRIP_MS = 2000;

export function toast(text, bad = false) {
  const note = h('div', { class: bad ? 'toast is-bad' : 'toast', role: bad ? 'alert' : 'status' }, text);
  $('#toasts').append(note);
  while ($('#toasts').children.length > 3) $('#toasts').firstChild.remove();
  setTimeout(() => note.remove(), bad ? 9000 : 3500);
}

/** Send a request; throws an Error whose message is the server's reason. */
export async function post(path, body, signal = undefined) {
  let response;
  try {
    response = await fetch(path, { method: 'POST', body, headers: { 'X-Console-Key': key }, signal });
  } catch {
    throw new Error('The server does not answer. Does its rig_ros command still run?');
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? `The server answered ${response.status}`);
  return answer;
}

/** Have the server do what it has under a name; returns its answer, throws as `post`. */
export const command = async (name, fields = {}, signal = undefined) => (
  await post(`/api/do/${name}`, JSON.stringify(fields), signal)).answer;

export const holdsControl = () => {
  const mine = get('you')?.mark;
  return Boolean(mine) && get('control')?.mark === mine;
};

function operatorName() {
  try { return localStorage.getItem('name') || 'operator'; } catch { return 'operator'; }
}

export const take = (name) => {
  try { if (name) localStorage.setItem('name', name); } catch { /* private window */ }
  return command('take', { name: name || operatorName() });
};
export const release = () => command('release');

/** Do something that needs control; takes control first when nobody holds it. */
export async function act(name, fields = {}, quiet = false) {
  try {
    if (name !== 'models' && !holdsControl() && !get('control')?.mark) await take();
    const answer = await command(name, fields);
    if (!quiet) toast(typeof answer === 'string' ? answer : 'Done');
    return answer;
  } catch (error) {
    toast(error.message, true);
    return undefined;
  }
}

/** Trip the e-stop: needs no control, asks nothing, tries again while the server is away.
 *  On a dead line a request would hang for minutes: a person must know sooner. */
export async function trip() {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      toast(await command('estop_trip', {}, AbortSignal.timeout(TRIP_MS)));
      return;
    } catch (error) {
      toast(`E-stop not confirmed, use the physical one. ${error.message}`, true);
    }
  }
}

/** Ask a person; resolves to false, or to true or the text of the field.
 *  Not modal: the e-stop stays within reach. */
export function ask({ title, text, yes, field }) {
  const dialog = $('#ask');
  const before = document.activeElement;
  $('#ask-title').textContent = title;
  $('#ask-text').textContent = text;
  const label = $('#ask-field');
  label.hidden = field === undefined;
  label.firstElementChild.textContent = field?.label ?? '';
  const input = label.querySelector('input');
  input.value = field?.value ?? '';
  const button = dialog.querySelector('[value=yes]');
  button.textContent = yes;
  dialog.returnValue = 'no';
  if (dialog.open) dialog.close();
  $('#main').inert = true;
  dialog.show();
  if (field !== undefined) input.select();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      $('#main').inert = false;
      before?.focus();
      const agreed = dialog.returnValue === 'yes';
      resolve(agreed && field !== undefined ? input.value.trim() : agreed);
    }, { once: true });
  });
}

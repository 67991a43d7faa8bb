// A line over time on a canvas: axes with round numbers, one accent line, sharp on every screen.
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function roundStep(span, parts) {
  const raw = span / parts;
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= raw);
}

const label = (value, step) => value.toFixed(Math.max(0, Math.min(4, Math.ceil(-Math.log10(step)))));

/**
 * Draw points [[x, y], ...].
 * options: xMin, xMax, xLabel(x), marks [x...] drawn as upright lines, fromZero.
 */
export function plot(canvas, points, options = {}) {
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (!width || !height) return;
  const scale = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const pen = canvas.getContext('2d');
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = '12px system-ui, sans-serif';
  const soft = style('--soft');
  if (!points.length) {
    pen.fillStyle = soft;
    pen.fillText(options.empty ?? 'Nothing yet', 2, 20);
    return;
  }
  const ys = points.map((p) => p[1]);
  let low = options.fromZero ? 0 : Math.min(...ys);
  let high = Math.max(...ys);
  if (high - low < 1e-9) { high += Math.abs(high) * 0.1 || 1; if (!options.fromZero) low -= Math.abs(low) * 0.1 || 1; }
  const step = roundStep(high - low, 3);
  low = Math.floor(low / step) * step;
  high = Math.ceil(high / step) * step;
  const xMin = options.xMin ?? points[0][0];
  const xMax = Math.max(options.xMax ?? points.at(-1)[0], xMin + 1e-6);
  const left = 8 + Math.max(pen.measureText(label(high, step)).width, pen.measureText(label(low, step)).width);
  const [right, top, bottom] = [width - 4, 10, height - 22];
  const px = (x) => left + ((x - xMin) / (xMax - xMin)) * (right - left);
  const py = (y) => bottom - ((y - low) / (high - low)) * (bottom - top);

  pen.strokeStyle = style('--line');
  pen.lineWidth = 1;
  pen.fillStyle = soft;
  pen.textAlign = 'right';
  for (let y = low; y <= high + step / 2; y += step) {
    pen.beginPath();
    pen.moveTo(left, Math.round(py(y)) + 0.5);
    pen.lineTo(right, Math.round(py(y)) + 0.5);
    pen.stroke();
    pen.fillText(label(y, step), left - 6, py(y) + 4);
  }
  const xStep = roundStep(xMax - xMin, Math.max(2, Math.floor(width / 140)));
  pen.textAlign = 'center';
  for (let x = Math.ceil(xMin / xStep) * xStep; x <= xMax + 1e-9; x += xStep) {
    const text = options.xLabel ? options.xLabel(x, xStep) : label(x, xStep);
    const half = pen.measureText(text).width / 2;
    pen.fillText(text, Math.min(right - half, Math.max(left + half, px(x))), height - 5);
  }
  pen.strokeStyle = soft;
  pen.setLineDash([3, 4]);
  for (const x of (options.marks ?? []).filter((m) => m >= xMin && m <= xMax)) {
    pen.beginPath();
    pen.moveTo(px(x), top);
    pen.lineTo(px(x), bottom);
    pen.stroke();
  }
  pen.setLineDash([]);
  pen.strokeStyle = style('--accent');
  pen.lineWidth = 2;
  pen.lineJoin = 'round';
  pen.beginPath();
  points.forEach(([x, y], index) => (index ? pen.lineTo(px(x), py(y)) : pen.moveTo(px(x), py(y))));
  pen.stroke();
  const [x, y] = points.at(-1);
  pen.fillStyle = style('--accent');
  pen.beginPath();
  pen.arc(px(x), py(y), 4, 0, 7);
  pen.fill();
}

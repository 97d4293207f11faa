// The timeline: draws lanes as SVG, and zooms by buttons, keys, mouse and touch. The colours are the page's style's, so
// the drawing follows light and dark screens and paper by itself. All text is set as text, never read as HTML.
const timeline = JSON.parse(await contentOf("timeline-data"));
const frame = document.getElementById("timeline-figure");
const tooltip = document.getElementById("timeline-tooltip");
const views = [...document.querySelectorAll("button[data-view]")];
const whole = JSON.parse(views[0].dataset.view).range;
const LANE = 24, ABOVE = 18, BELOW = 22, TICK = 82, LETTER = 6.6, MARK = 6;
const NARROWEST = (whole[1] - whole[0]) / 1e5;
let shown = whole;
let cursor = null;

function make(name, attributes, parent, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return parent.appendChild(element);
}

// The sizes of the drawing: names take at most a third of a narrow screen.
function sizes() {
  const width = Math.max(frame.clientWidth, 200);
  const longest = Math.max(...timeline.lanes.map((name) => name.length)) * LETTER + 10;
  const left = Math.min(longest, width / 3, 240);
  return { width, left, plot: width - left - 8, bottom: ABOVE + LANE * timeline.lanes.length };
}

const cut = (text, room) => (text.length * LETTER <= room ? text : `${text.slice(0, Math.floor(room / LETTER) - 1)}…`);

// The ticks to label. They come most important first, so a tick gives way to a more important neighbour.
function labelled(x, { left, plot }) {
  const chosen = [];
  for (const [place, label] of timeline.ticks) {
    const at = x(place);
    if (at >= left - 1 && at <= left + plot + 1 && chosen.every((other) => Math.abs(other[0] - at) >= TICK)) {
      chosen.push([at, label]);
    }
  }
  return chosen;
}

function draw() {
  const size = sizes();
  const { width, left, plot, bottom } = size;
  const x = (place) => left + ((place - shown[0]) / (shown[1] - shown[0])) * plot;
  const middle = (lane) => ABOVE + LANE * (lane + 0.5);
  const height = bottom + BELOW;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [key, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}`, role: "img" })) {
    svg.setAttribute(key, value);
  }
  svg.setAttribute("aria-label", "The boot as lanes over time; the log and the events say the same in words.");
  const defs = make("defs", {}, svg);
  make("rect", { x: left, y: 0, width: plot, height }, make("clipPath", { id: "plot" }, defs));
  const hatched = { id: "hatched", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" };
  make("rect", { width: 2, height: 6, fill: "#e69f00" }, make("pattern", hatched, defs));

  for (const [at, label] of labelled(x, size)) {
    make("line", { x1: at, x2: at, y1: ABOVE, y2: bottom + 4, class: "tick" }, svg);
    const anchor = at > width - TICK / 2 ? "end" : at < TICK / 2 ? "start" : "middle";
    make("text", { x: anchor === "end" ? width - 2 : at, y: bottom + 17, "text-anchor": anchor }, svg, label);
  }
  timeline.lanes.forEach((name, lane) => {
    const label = make("text", { x: left - 6, y: middle(lane) + 4, "text-anchor": "end", class: "lane" }, svg);
    label.textContent = cut(name, left - 6);
    if (label.textContent !== name) make("title", {}, label, name);
    make("line", { x1: left, x2: left + plot, y1: ABOVE + LANE * lane, y2: ABOVE + LANE * lane, class: "rule" }, svg);
  });
  make("line", { x1: left, x2: left + plot, y1: bottom, y2: bottom, class: "axis" }, svg);

  const inside = make("g", { "clip-path": "url(#plot)" }, svg);
  let before = [];
  timeline.spans.forEach(([kind, lane, start, end, name], number) => {
    const from = Math.max(x(start), left - 2), to = Math.min(x(end), left + plot + 2);
    if (to < from) return;
    // Of spans that share a pixel only the first is drawn: a boot may have thousands.
    if (to - from < 1 && before[0] === kind && before[1] === lane && from - before[2] < 1) return;
    before = [kind, lane, from];
    const [fill, share, bordered] = timeline.kinds[kind];
    const y = middle(lane) - (LANE * share) / 2;
    const box = { x: from, y, width: Math.max(to - from, 1), height: LANE * share, fill, "data-span": number };
    if (bordered && to - from > 3) Object.assign(box, { stroke: "var(--paper)" });
    make("rect", box, inside);
    // A name is whole or left out, since a mark may lie on either end of its span; the buttons have all names.
    if (name && name.length * LETTER <= to - from - 2 * MARK) {
      make("text", { x: (from + to) / 2, y: middle(lane) + 4, "text-anchor": "middle", class: "name" }, inside, name);
    }
  });
  if (timeline.path.length) {
    // First vertical, then horizontal: along the lane of the CPU that waits.
    const [[place, lane], ...rest] = timeline.path;
    const steps = rest.map(([next, row]) => `V${middle(row)}H${x(next)}`).join("");
    make("path", { d: `M${x(place)} ${middle(lane)}${steps}`, class: "critical-path" }, inside);
  }
  // The longest gaps come first; one whose words would overlap those of a longer one goes without a mark.
  const taken = [];
  for (const [start, end, length] of timeline.breaks) {
    const at = x((start + end) / 2), half = (length.length * LETTER) / 2 + 4;
    if (at < left || at > left + plot) continue;
    const wordsAt = Math.min(Math.max(at, left + half), width - half); // whole, even beside the end of the axis
    if (taken.some(([other, room]) => Math.abs(wordsAt - other) < half + room)) continue;
    taken.push([wordsAt, half]);
    make("path", { d: `M${at - 5} ${bottom + 4}l4-8m3 8l4-8`, class: "break" }, svg);
    make("text", { x: wordsAt, y: ABOVE - 5, "text-anchor": "middle", class: "length" }, svg, length);
  }
  timeline.marks.forEach(([shape, lane, place, , above], number) => {
    const [fill, outline] = timeline.shapes[shape];
    const at = x(place);
    if (at < left - 1 || at > left + plot + 1) return;
    make("path", { d: outline, fill, class: "mark", transform: `translate(${at} ${middle(lane) - LANE * above})`, "data-mark": number }, svg);
  });
  cursor = make("line", { y1: ABOVE - 2, y2: bottom, class: "cursor", visibility: "hidden" }, svg);
  frame.querySelector("svg")?.remove();
  frame.prepend(svg);
  moveCursor();
}

// The player's place on the axis.
let watched = null;
function moveCursor(place = watched) {
  watched = place;
  if (place === null || cursor === null) return;
  const { left, plot } = sizes();
  const at = left + ((place - shown[0]) / (shown[1] - shown[0])) * plot;
  cursor.setAttribute("x1", at);
  cursor.setAttribute("x2", at);
  cursor.setAttribute("visibility", at >= left && at <= left + plot ? "visible" : "hidden");
}

// Shows a range, shifted and narrowed to lie within the whole boot, and presses the button of that range, if any.
function show(start, end) {
  const width = Math.min(Math.max(end - start, NARROWEST), whole[1] - whole[0]);
  const first = Math.min(Math.max(start, whole[0]), whole[1] - width);
  shown = [first, first + width];
  frame.dataset.range = JSON.stringify(shown);
  // Places are sums of floats: compare with a tolerance.
  const near = (place, other) => Math.abs(place - other) < NARROWEST;
  for (const button of views) {
    const [from, to] = JSON.parse(button.dataset.view).range;
    button.setAttribute("aria-pressed", String(near(from, shown[0]) && near(to, shown[1])));
  }
  tooltip.hidden = true;
  draw();
}

function change(zoom, move) {
  const half = ((shown[1] - shown[0]) / 2) * zoom;
  const middle = (shown[0] + shown[1]) / 2 + (shown[1] - shown[0]) * move;
  show(middle - half, middle + half);
}

for (const button of views) button.addEventListener("click", () => show(...JSON.parse(button.dataset.view).range));
for (const button of document.querySelectorAll("button[data-zoom], button[data-move]")) {
  button.addEventListener("click", () => change(Number(button.dataset.zoom ?? 1), Number(button.dataset.move ?? 0)));
}
const KEYS = { "+": [0.5, 0], "=": [0.5, 0], "-": [2, 0], ArrowLeft: [1, -0.3], ArrowRight: [1, 0.3], Home: [1e9, 0] };
frame.addEventListener("keydown", (event) => {
  if (!(event.key in KEYS) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  change(...KEYS[event.key]);
});

// Details of what the pointer is on, or what a finger taps.
function tell(event) {
  const { span, mark } = event.target.dataset;
  const text = span !== undefined ? timeline.spans[span][5] : mark !== undefined ? timeline.marks[mark][3] : null;
  tooltip.hidden = text === null;
  if (text === null) return;
  tooltip.textContent = text;
  const box = frame.getBoundingClientRect();
  const room = frame.clientWidth - tooltip.offsetWidth;
  tooltip.style.left = `${Math.max(0, Math.min(event.clientX - box.left + 12, room))}px`;
  tooltip.style.top = `${event.clientY - box.top + 16}px`;
}
frame.addEventListener("click", tell);
frame.addEventListener("pointerleave", () => (tooltip.hidden = true));

// A mouse drags over the range to show; a finger drags the range itself.
let drag = null;
frame.addEventListener("pointerdown", (event) => (drag = { at: event.clientX, range: shown }));
frame.addEventListener("pointermove", (event) => {
  if (drag === null) return tell(event);
  if (event.pointerType !== "touch" || Math.abs(event.clientX - drag.at) < 8) return;
  const moved = ((drag.at - event.clientX) / sizes().plot) * (drag.range[1] - drag.range[0]);
  show(drag.range[0] + moved, drag.range[1] + moved);
});
window.addEventListener("pointerup", (event) => {
  if (drag !== null && event.pointerType === "mouse" && Math.abs(event.clientX - drag.at) > 8) {
    const { left, plot } = sizes();
    const edge = frame.getBoundingClientRect().left + left;
    const place = (at) => shown[0] + ((at - edge) / plot) * (shown[1] - shown[0]);
    show(...[place(drag.at), place(event.clientX)].sort((a, b) => a - b));
  }
  drag = null;
});
window.addEventListener("pointercancel", () => (drag = null));
frame.addEventListener("dblclick", () => show(...whole));
new ResizeObserver(draw).observe(frame);
show(...whole);

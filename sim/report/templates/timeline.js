// Buttons for the timeline, so that it can be zoomed without a mouse, and ticks for what is shown; plotly does the rest.
const figure = document.getElementById("timeline-figure");
const views = [...document.querySelectorAll("button[data-view]")];
const ticks = JSON.parse(document.querySelector("[data-ticks]").dataset.ticks);
const whole = JSON.parse(views[0].dataset.view).range;
const MOST_TICKS = 9;
const LEAST_WIDTH = (whole[1] - whole[0]) / 1e5;

// The ticks to label in a range. They come most important first, so a tick gives way to a more important neighbour.
function labelled([start, end]) {
  const chosen = [];
  for (const tick of ticks) {
    const inside = tick[0] >= start && tick[0] <= end;
    if (inside && chosen.every((other) => Math.abs(other[0] - tick[0]) >= (end - start) / MOST_TICKS)) chosen.push(tick);
  }
  return chosen.sort((a, b) => a[0] - b[0]);
}

// Shows a range, shifted and narrowed to lie within the whole boot.
function show(start, end) {
  const width = Math.min(Math.max(end - start, LEAST_WIDTH), whole[1] - whole[0]);
  const first = Math.min(Math.max(start, whole[0]), whole[1] - width);
  const there = labelled([first, first + width]);
  return Plotly.relayout(figure, {
    "xaxis.range": [first, first + width],
    "xaxis.tickvals": there.map((tick) => tick[0]),
    "xaxis.ticktext": there.map((tick) => tick[1]),
  });
}

// Marks the button of the range that is shown, if there is one. Places are sums of floats: compare with a tolerance.
function press(range) {
  const near = (place, other) => Math.abs(place - other) < LEAST_WIDTH;
  for (const button of views) {
    const [start, end] = JSON.parse(button.dataset.view).range;
    button.setAttribute("aria-pressed", String(near(start, range[0]) && near(end, range[1])));
  }
}

for (const button of views) {
  button.addEventListener("click", () => show(...JSON.parse(button.dataset.view).range));
}
for (const button of document.querySelectorAll("button[data-zoom], button[data-move]")) {
  button.addEventListener("click", () => {
    const [start, end] = figure.layout.xaxis.range.map(Number);
    const middle = (start + end) / 2 + (end - start) * Number(button.dataset.move ?? 0);
    const half = ((end - start) / 2) * Number(button.dataset.zoom ?? 1);
    show(middle - half, middle + half);
  });
}
figure.on("plotly_relayout", (change) => {
  const range = figure.layout.xaxis.range.map(Number);
  press(range);
  // After a zoom by mouse the ticks are still those of the range before. show() ends here too, with ticks of its own.
  if (!("xaxis.tickvals" in change)) show(...range);
});

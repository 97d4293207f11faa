// Buttons for the timeline, so that it can be zoomed without a mouse; plotly does the rest.
const figure = document.getElementById("timeline-figure");
const shown = () => figure.layout.xaxis.range.map(Number);
const views = document.querySelectorAll("button[data-view]");

function press(pressed) {
  for (const button of views) button.setAttribute("aria-pressed", String(button === pressed));
}

for (const button of views) {
  button.addEventListener("click", () => {
    const view = JSON.parse(button.dataset.view);
    Plotly.relayout(figure, { "xaxis.range": view.range, "xaxis.tickvals": view.ticks, "xaxis.ticktext": view.labels });
    press(button);
  });
}
for (const button of document.querySelectorAll("button[data-zoom], button[data-move]")) {
  button.addEventListener("click", () => {
    const [start, end] = shown();
    const middle = (start + end) / 2 + (end - start) * Number(button.dataset.move ?? 0);
    const half = ((end - start) / 2) * Number(button.dataset.zoom ?? 1);
    Plotly.relayout(figure, { "xaxis.range": [middle - half, middle + half] });
    press(null);
  });
}

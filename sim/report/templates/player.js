// The player: shows a boot frame by frame. Frames hold what changed (sim/report/boot_frames.py); a step back starts
// again from the beginning, because changes have no way back. Without a click nothing moves.
const boot = JSON.parse(await contentOf("player-data"));
const player = document.getElementById("player-box");
const part = (name) => player.querySelector(`[data-part="${name}"]`);
const slider = part("slider"), playButton = part("play"), speed = part("speed");
const last = boot.frames.length - 1;
const MOST_NAMED = 8;
const FEW = 64; // the number of CPUs up to which each has its name beside its light

function element(name, parent, text = "", className = "") {
  const made = parent.appendChild(document.createElement(name));
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

// What stays: a light for each CPU, the table of the record, the lines of the log.
const lights = boot.cpus.map((name) => {
  const light = element("li", part("cpus"));
  element("i", light);
  if (boot.cpus.length <= FEW) {
    element("strong", light, name);
    element("span", light);
  }
  return light;
});
part("cpus").classList.toggle("many", boot.cpus.length > FEW);
const head = element("tr", element("thead", part("record")));
for (const name of ["field", ...boot.types]) element("th", head, name);
const body = element("tbody", part("record"));
const cells = boot.fields.map((field) => {
  const row = element("tr", body);
  element("th", row, field).scope = "row";
  return boot.types.map(() => element("td", row));
});
const lines = boot.log.map((line) => element("div", part("log"), line));
for (const line of lines) line.hidden = true;

let now = -1, playing = null;
let states = [], hazards = [];

function light(cpu) {
  const [name, colour] = boot.states[states[cpu]];
  const words = hazards[cpu] ? `${name}, hazard` : name;
  lights[cpu].firstChild.style.background = colour.startsWith("url") ? "" : colour;
  lights[cpu].className = [states[cpu] ? "on" : "", colour.startsWith("url") ? "hatched" : "", hazards[cpu] ? "hazard" : ""].join(" ");
  if (boot.cpus.length <= FEW) lights[cpu].lastChild.textContent = words;
  else lights[cpu].title = `${boot.cpus[cpu]}: ${words}`;
}

function restart() {
  now = -1;
  states = boot.cpus.map(() => 0);
  hazards = boot.cpus.map(() => 0);
  boot.cpus.forEach((_, cpu) => light(cpu));
}

function showRecord(place, before) {
  const record = boot.records[place];
  cells.forEach((row, field) => row.forEach((cell, type) => {
    cell.textContent = record ? record[field][type] : "";
    cell.className = record && before >= 0 && before < place && boot.records[before][field][type] !== record[field][type] ? "new" : "";
  }));
  const had = new Set(boot.capabilities[before] ?? []);
  const list = part("capabilities");
  if (list === null) return;
  const names = boot.capabilities[place] ?? [];
  list.replaceChildren();
  for (const name of names) element("li", list, name, before < place && !had.has(name) ? "new" : "");
  part("capability-count").textContent = `${names.length}`;
}

// The CPUs that change in a frame, where there are too many lights for a name beside each.
function acting(changes) {
  if (boot.cpus.length <= FEW || !changes.length) return "";
  const named = changes.slice(0, MOST_NAMED).map(([cpu, state]) => `${boot.cpus[cpu]} ${boot.states[state][0]}`);
  const more = changes.length - named.length;
  return `. Now: ${named.join(", ")}${more ? ` and ${more.toLocaleString("en")} more` : ""}`;
}

function goTo(frame) {
  const target = Math.min(Math.max(frame, 0), last);
  if (target < now) restart();
  const touched = new Set();
  while (now < target) {
    now += 1;
    for (const [cpu, state, hazard] of boot.frames[now][3]) {
      states[cpu] = state;
      hazards[cpu] = hazard;
      touched.add(cpu);
    }
  }
  for (const cpu of touched) light(cpu);
  const [time, place, told, , logged, known] = boot.frames[now];
  showRecord(known, now > 0 ? boot.frames[now - 1][5] : -1);
  lines.forEach((line, number) => (line.hidden = number >= logged));
  part("log").scrollTop = part("log").scrollHeight;
  const counts = new Map();
  for (const state of states) counts.set(state, (counts.get(state) ?? 0) + 1);
  const summary = [...counts].sort(([a], [b]) => b - a).map(([state, count]) => `${count.toLocaleString("en")} ${boot.states[state][0]}`);
  part("counts").textContent = summary.join(", ") + acting(boot.frames[now][3]);
  part("time").textContent = `${time} s`;
  part("told").textContent = told.length ? told.join("; ") : "the kernel logs";
  slider.value = now;
  slider.setAttribute("aria-valuetext", `${time} s, step ${now + 1} of ${last + 1}`);
  part("back").disabled = part("first").disabled = now === 0;
  part("forward").disabled = part("last").disabled = now === last;
  player.dataset.frame = now;
  if (place !== null && typeof moveCursor === "function") moveCursor(place);
}

function pause() {
  clearTimeout(playing);
  playing = null;
  playButton.textContent = "play";
  part("now").setAttribute("aria-live", "polite"); // a reader of the screen tells single steps, not a whole boot
}

function play() {
  if (now === last) goTo(0);
  playButton.textContent = "pause";
  part("now").setAttribute("aria-live", "off");
  const step = () => {
    goTo(now + 1);
    if (now < last) playing = setTimeout(step, 1000 / Number(speed.value));
    else pause();
  };
  playing = setTimeout(step, 1000 / Number(speed.value));
}

// A button that is disabled while it has the focus would lose it, and the keys with it.
function step(frame) {
  pause();
  goTo(frame);
  if (document.activeElement === document.body || document.activeElement?.disabled) player.focus();
}

const toggle = () => (playing === null ? play() : pause());
playButton.addEventListener("click", toggle);
part("first").addEventListener("click", () => step(0));
part("back").addEventListener("click", () => step(now - 1));
part("forward").addEventListener("click", () => step(now + 1));
part("last").addEventListener("click", () => step(last));
slider.addEventListener("input", () => step(Number(slider.value)));
const STEPS = { ArrowLeft: () => now - 1, ArrowRight: () => now + 1, Home: () => 0, End: () => last };
player.addEventListener("keydown", (event) => {
  // A button takes the space key itself, and the slider and the choice of speed take the arrow keys.
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select")) return;
  if (event.key === " " && event.target.matches("button")) return;
  if (event.key === " ") toggle();
  else if (event.key in STEPS) step(STEPS[event.key]());
  else return;
  event.preventDefault();
});
slider.max = last;
restart();
goTo(0);

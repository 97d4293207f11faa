// Unpacks what the page carries: text that was deflated and written in base64 (sim/report/embedded_assets.py).
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(plain).text();
}

const contentOf = (id) => unpacked(document.getElementById(id).textContent);
const addressOf = (text, type) => URL.createObjectURL(new Blob([text], { type }));

// Fills the blocks that are packed because they are long; their HTML is the template's, as that of any other block.
async function fillBlocks() {
  for (const block of document.querySelectorAll("[data-packed]")) {
    block.innerHTML = await unpacked(block.dataset.packed);
    block.removeAttribute("data-packed");
  }
}

// Gives each picture its addresses: as it was drawn, and with the colours of dark paper.
async function showPictures(darkColours) {
  for (const image of document.querySelectorAll("img[data-svg]")) {
    const drawn = await unpacked(image.dataset.svg);
    let dark = drawn;
    for (const [light, onDark] of Object.entries(darkColours)) dark = dark.replaceAll(light, onDark);
    image.previousElementSibling.srcset = addressOf(dark, "image/svg+xml");
    image.src = addressOf(drawn, "image/svg+xml");
    await image.decode();
  }
}

// Makes tables that can be filtered and sorted.
async function filterTables() {
  document.getElementById("tables-style").textContent = await contentOf("tables-style-data");
  const { default: DataTable } = await import(addressOf(await contentOf("tables-program"), "text/javascript"));
  for (const table of document.querySelectorAll("table.filtered")) {
    offerOrders(table, new DataTable(table, { paging: false, order: [], autoWidth: false, info: true }));
  }
}

// Lets the reader sort a table whose rows are shown as cards (fitTables), since cards have no headings to click.
function offerOrders(table, program) {
  const label = document.createElement("label");
  label.className = "sorter";
  label.textContent = "sorted by ";
  const choice = label.appendChild(document.createElement("select"));
  choice.add(new Option("its own order", ""));
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    choice.add(new Option(heading.textContent, `${column} asc`));
    choice.add(new Option(`${heading.textContent}, from the end`, `${column} desc`));
  });
  choice.addEventListener("change", () => {
    const [column, direction] = choice.value.split(" ");
    program.order(choice.value ? [[Number(column), direction]] : []).draw();
  });
  table.closest(".dt-layout-table").before(label);
}

// Shows the rows of a table as cards, each cell below its heading, wherever the columns would be wider than the box.
function fitTables() {
  for (const box of document.querySelectorAll(".scrolled, .dt-layout-table > div")) {
    const table = box.querySelector("table");
    const headings = [...table.tHead.rows[0].cells].map((heading) => heading.textContent);
    for (const row of table.tBodies[0].rows) {
      [...row.cells].forEach((cell, column) => (cell.dataset.heading = headings[column]));
    }
    let width = 0;
    const fit = () => {
      if (box.offsetWidth === width) return; // cards change the box's height, which is no reason to measure again
      width = box.offsetWidth;
      table.classList.remove("cards");
      table.classList.toggle("cards", table.offsetWidth > box.clientWidth);
    };
    fit();
    new ResizeObserver(fit).observe(box);
  }
}

// Fades the right edge of what goes on beyond it, until the reader has scrolled there.
function fadeEdges() {
  for (const box of document.querySelectorAll(".wide, .scrolled, .dt-layout-table > div")) {
    const fade = () => box.classList.toggle("more", box.scrollLeft + box.clientWidth < box.scrollWidth - 1);
    box.addEventListener("scroll", fade, { passive: true });
    new ResizeObserver(fade).observe(box);
  }
}

// Lets the reader save the file that the page shows, if it shows one.
function offerFile() {
  const link = document.getElementById("reproduce-link");
  if (link) link.href = addressOf(document.getElementById("reproduce-file").textContent, "text/plain");
}

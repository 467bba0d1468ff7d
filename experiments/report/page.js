// Filters, sorts and unfolds the tables of runs. A link keeps the view: #filter=mnist&sort=-test.
"use strict";
const box = document.getElementById("filter");
const tables = [...document.querySelectorAll("table.runs")];
let sort = "";

function filter() {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  let [all, total] = [0, 0];
  for (const table of tables) {
    let shown = 0;
    for (const run of table.tBodies) {
      run.hidden = !words.every((word) => run.dataset.words.toLowerCase().includes(word));
      shown += !run.hidden;
    }
    const fold = table.closest("details");
    if (fold) [fold.hidden, fold.open] = [shown === 0, fold.open || words.length > 0];
    all += shown;
    total += table.tBodies.length;
  }
  document.getElementById("shown").textContent = `${all} of ${total} runs`;
}

function arrange() {
  const [key, way] = sort.startsWith("-") ? [sort.slice(1), -1] : [sort, 1];
  for (const table of tables) {
    const headers = [...table.tHead.rows[0].cells];
    const column = headers.findIndex((header) => header.dataset.key === key);
    for (const header of headers) header.ariaSort = "none";
    if (column < 0) continue;
    headers[column].ariaSort = way < 0 ? "descending" : "ascending";
    const cell = (run) => run.rows[0].cells[column];
    const number = (run) => Number(cell(run).dataset.number ?? NaN); // NaN sorts last
    const order = "numeric" in headers[column].dataset
      ? (a, b) => isNaN(number(a)) - isNaN(number(b)) || way * (number(a) - number(b))
      : (a, b) => way * cell(a).textContent.localeCompare(cell(b).textContent, "en", { numeric: true });
    table.append(...[...table.tBodies].sort(order));
  }
}

function unfold(run, open) {
  run.querySelector("button").ariaExpanded = open;
  run.rows[1].hidden = !open;
}

function read() {
  const hash = location.hash.slice(1);
  const run = document.getElementById(hash)?.closest("table.runs > tbody");
  if (run?.hidden) box.value = "";
  if (!hash || hash.includes("=")) {
    const view = new URLSearchParams(hash);
    box.value = view.get("filter") ?? "";
    sort = view.get("sort") ?? "";
    arrange();
  }
  filter();
  if (!run) return;
  run.closest("details")?.setAttribute("open", "");
  unfold(run, true);
  run.scrollIntoView();
}

function write() {
  const view = new URLSearchParams(Object.entries({ filter: box.value, sort }).filter(([, text]) => text));
  history.replaceState(null, "", `#${view}`);
}

box.addEventListener("input", () => { filter(); write(); });
document.addEventListener("click", (event) => {
  const button = event.target.closest("table.runs button");
  if (!button) return;
  const { key } = button.closest("th").dataset;
  if (!key) return unfold(button.closest("tbody"), button.ariaExpanded !== "true");
  sort = sort === key ? `-${key}` : key;
  arrange();
  write();
});
window.addEventListener("hashchange", read);
read();

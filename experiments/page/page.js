// Filters, sorts and unfolds the tables of runs. A link keeps the view: #filter=mnist&sort=-test.
"use strict";
const box = document.getElementById("filter");
const tables = [...document.querySelectorAll("table.runs")];
const total = document.querySelectorAll("table.runs > tbody").length;
let sort = "";

function filter() {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  let all = 0;
  for (const table of tables) {
    let shown = 0;
    for (const run of table.tBodies) {
      run.hidden = !words.every((word) => run.dataset.words.toLowerCase().includes(word));
      shown += !run.hidden;
    }
    const fold = table.closest("details");
    if (fold) fold.hidden = shown === 0;
    if (fold && words.length && shown) fold.open = true;
    all += shown;
  }
  document.getElementById("shown").textContent = `${all} of ${total} runs`;
}

function arrange() {
  const [, minus, key] = /^(-?)(.*)$/.exec(sort);
  const way = minus ? -1 : 1;
  for (const table of tables) {
    const headers = [...table.tHead.rows[0].cells];
    const column = headers.findIndex((header) => header.dataset.key === key);
    headers.forEach((header, at) =>
      header.setAttribute("aria-sort", at !== column ? "none" : minus ? "descending" : "ascending"));
    if (column < 0) continue;
    const cell = (run) => run.rows[0].cells[column];
    const number = (run) => Number(cell(run).dataset.number ?? NaN);
    const text = (run) => cell(run).textContent.trim();
    const order = "numeric" in headers[column].dataset
      ? (a, b) => isNaN(number(a)) - isNaN(number(b)) || way * (number(a) - number(b))
      : (a, b) => way * text(a).localeCompare(text(b), "en", { numeric: true });
    table.append(...[...table.tBodies].sort(order));
  }
}

function unfold(button, open) {
  button.setAttribute("aria-expanded", open);
  button.closest("tbody").rows[1].hidden = !open;
}

function read() {
  const hash = location.hash.slice(1);
  const run = document.getElementById(hash)?.closest("table.runs > tbody");
  if (run) {
    if (run.hidden) box.value = "";
    filter();
    run.closest("details")?.setAttribute("open", "");
    unfold(run.querySelector("button"), true);
    run.scrollIntoView();
  } else if (!hash || hash.includes("=")) {
    const view = new URLSearchParams(hash);
    box.value = view.get("filter") ?? "";
    sort = view.get("sort") ?? "";
    filter();
    arrange();
  }
}

function write() {
  const view = new URLSearchParams(Object.entries({ filter: box.value, sort }).filter(([, text]) => text));
  history.replaceState(null, "", `#${view}`);
}

box.addEventListener("input", () => { filter(); write(); });
document.addEventListener("click", (event) => {
  const button = event.target.closest("table.runs button");
  if (!button) return;
  const key = button.closest("th").dataset.key;
  if (key) {
    sort = sort === key ? `-${key}` : key;
    arrange();
    write();
  } else unfold(button, button.getAttribute("aria-expanded") !== "true");
});
window.addEventListener("hashchange", read);
read();

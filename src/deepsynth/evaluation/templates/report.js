// Sorting, and nothing else; without a script the page shows everything in its first order.
"use strict";

const number = (text) => (text === undefined || text === "" ? Number.NaN : Number(text));

function order(items, key, descending) {
  const compare = (a, b) => {
    const [x, y] = [key(a), key(b)];
    const found = Number.isNaN(number(x)) || Number.isNaN(number(y)) ? String(x).localeCompare(String(y)) : number(x) - number(y);
    return descending ? -found : found;
  };
  return [...items].sort(compare);
}

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "none" ? column > 0 : head.getAttribute("aria-sort") !== "descending";
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const body = table.tBodies[0];
      body.append(...order(body.rows, (row) => row.cells[column].dataset.value ?? row.cells[column].textContent, descending));
    });
    head.setAttribute("aria-sort", "none");
  });
}

const list = document.getElementById("rows");
const bar = document.getElementById("sort");
if (list && bar) {
  bar.hidden = false;
  const [choice, turn] = [bar.querySelector("select"), bar.querySelector("button")];
  const sort = () => {
    const descending = turn.getAttribute("aria-pressed") === "true";
    list.append(...order(list.children, (row) => row.getAttribute(`data-${choice.value}`) ?? "", descending));
    turn.textContent = descending ? "high to low" : "low to high";
  };
  choice.addEventListener("change", sort);
  turn.addEventListener("click", () => {
    turn.setAttribute("aria-pressed", String(turn.getAttribute("aria-pressed") !== "true"));
    sort();
  });
}

// What a page of the book does by itself. Without scripts it still reads.

// A keyboard reaches whatever scrolls sideways: wide formulas, code, tables.
function letScrollersBeFocused() {
  for (const box of document.querySelectorAll("div.math, .cell_output, .verdict, pre")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
}

addEventListener("load", letScrollersBeFocused);
addEventListener("resize", letScrollersBeFocused);

// A notebook cell with the tag live-NAME gets the live figure of that name below its output.
function bringLiveFigures() {
  const base = document.documentElement.dataset.content_root;
  const cells = document.querySelectorAll('.cell[class*="tag_live-"]');
  const names = new Set([...cells].map((cell) => /tag_live-(\w+)/.exec(cell.className)[1]));
  if (!names.size) return;
  const load = (name, then) => {
    const script = document.createElement("script");
    script.src = `${base}live/${name}.js`;
    script.onload = then;
    document.head.append(script);
  };
  load("core", () => names.forEach((name) => load(name)));
}

addEventListener("DOMContentLoaded", bringLiveFigures);

// Hover cards: what a link to a term, a source, an equation or a statement leads to, beside it.
const CARDS = "dt[id], div.citation[id], div.math[id], li[id]";
const pagesRead = new Map();

async function cardFor(link) {
  const url = new URL(link.href);
  const page = url.pathname;
  if (!url.hash || url.origin !== location.origin || location.protocol === "file:") return null;
  if (!pagesRead.has(page)) {
    pagesRead.set(page, page === location.pathname ? document
      : fetch(page).then((r) => r.text()).then((t) => new DOMParser().parseFromString(t, "text/html")));
  }
  const target = (await pagesRead.get(page)).getElementById(decodeURIComponent(url.hash.slice(1)));
  const place = target?.closest(CARDS);
  if (!place) return null;
  const shown = place.matches("dt") ? [place, place.parentElement.querySelector(`#${CSS.escape(place.id)} ~ dd`)] : [place];
  const card = document.createElement("div");
  card.className = "hover-card";
  card.role = "tooltip";
  card.id = "hover-card";
  for (const part of shown.filter(Boolean)) {
    const copy = document.createElement("div");
    copy.innerHTML = part.innerHTML;
    copy.querySelectorAll(".headerlink, .backrefs").forEach((e) => e.remove());
    copy.querySelectorAll("[id]").forEach((e) => e.removeAttribute("id"));
    card.append(copy);
  }
  return card;
}

function removeCard() {
  document.getElementById("hover-card")?.remove();
  document.querySelector("[aria-describedby=hover-card]")?.removeAttribute("aria-describedby");
}

async function showCard({ target }) {
  const link = target.closest?.("article a.reference.internal, article a[role=doc-biblioref]");
  if (!link) return;
  const card = await cardFor(link).catch(() => null);
  if (!card || !link.matches(":hover, :focus")) return;
  removeCard();
  document.body.append(card);
  link.setAttribute("aria-describedby", "hover-card");
  const at = link.getBoundingClientRect();
  const left = Math.min(at.left, innerWidth - card.offsetWidth - 12);
  const below = at.bottom + card.offsetHeight + 8 < innerHeight;
  card.style.left = `${Math.max(12, left) + scrollX}px`;
  card.style.top = `${(below ? at.bottom + 6 : at.top - card.offsetHeight - 6) + scrollY}px`;
}

for (const event of ["mouseover", "focusin"]) document.addEventListener(event, showCard);
for (const event of ["mouseout", "focusout"]) document.addEventListener(event, removeCard);
document.addEventListener("keydown", ({ key }) => key === "Escape" && removeCard());

// The map: the arrows of the mechanism that one points at.
function lightArrows({ target }) {
  const box = target.closest?.(".map-box");
  if (!box && !document.querySelector(".map-lit")) return;
  for (const arrow of document.querySelectorAll(".map-arrow")) {
    const ends = arrow.dataset.ends.split("|");
    arrow.classList.toggle("map-lit", ends.includes(box?.getAttribute("aria-label")));
  }
}

for (const event of ["mouseover", "focusin"]) document.addEventListener(event, lightArrows);

// On paper the solutions stand at the end, where they do not give an exercise away.
addEventListener("beforeprint", () => {
  const end = document.createElement("section");
  end.id = "solutions-on-paper";
  end.innerHTML = "<h2>Solutions</h2>";
  for (const exercise of document.querySelectorAll("section.exercise")) {
    const solution = exercise.querySelector("details:last-of-type .highlight");
    if (!solution) continue;
    const title = document.createElement("h3");
    title.textContent = exercise.querySelector("h3").firstChild.textContent.trim()
      || exercise.querySelector("h3").textContent.replace(/#$/, "");
    end.append(title, solution.cloneNode(true));
  }
  if (end.children.length > 1) document.querySelector("article").append(end);
});
addEventListener("afterprint", () => document.getElementById("solutions-on-paper")?.remove());

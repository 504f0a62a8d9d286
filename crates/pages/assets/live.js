// Live updates. Everything else works without this file.
"use strict";

// The server writes times in the reader's zone once it knows it.
const root = document.documentElement.dataset.root.slice(0, -1) || "/";
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.includes("tripline_zone=")) {
  document.cookie = `tripline_zone=${encodeURIComponent(zone)};path=${root};max-age=31536000;samesite=lax`;
}

// Buttons that copy are shown where copying works.
for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    button.dataset.done = "";
    document.getElementById("announcement").textContent = button.dataset.said;
    setTimeout(() => delete button.dataset.done, 2000);
  });
}

const log = document.getElementById("log");
const follow = document.getElementById("follow");

// Runs `work` soon, never twice at a time, and once more when it was asked for meanwhile.
function paced(work, pause) {
  let state = "idle";
  const run = async () => {
    state = "running";
    try {
      await work();
    } catch {
      // The next event tries again.
    }
    await new Promise((done) => setTimeout(done, pause));
    if (state === "again") run();
    else state = "idle";
  };
  return () => {
    if (state === "idle") run();
    else state = "again";
  };
}

// Asks for this page again and takes over the parts that change, except those somebody is busy in.
async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return location.reload();
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = fresh.getElementById(part.id);
    const busy = part.contains(document.activeElement) || part.querySelector("details.confirm[open]");
    if (other && !busy && other.innerHTML !== part.innerHTML) part.innerHTML = other.innerHTML;
  }
}

// Adds what has come to the end of a log; sections that go on are continued.
function merge(into, from) {
  for (const node of [...from.children]) {
    const known = node.dataset.part === undefined ? null : document.getElementById(node.id);
    if (!known) {
      into.append(node);
      continue;
    }
    if (node.dataset.part) known.querySelector(".took").textContent = node.dataset.part;
    merge(known, node);
  }
}

// Adds lines that have come, as they were sent.
function grow(piece) {
  const box = document.createElement("template");
  box.innerHTML = piece.html;
  merge(log, box.content);
  if (piece.range) document.getElementById("log-range").textContent = piece.range;
  if (follow.checked) log.lastElementChild?.scrollIntoView({ block: "end" });
}

if (log?.dataset.grows) {
  document.getElementById("follow-box").hidden = false;
  follow.checked = !location.hash;
  if (follow.checked) log.lastElementChild?.scrollIntoView({ block: "end" });
  // Whoever scrolls up wants to read.
  addEventListener("wheel", (event) => {
    if (event.deltaY < 0) follow.checked = false;
  }, { passive: true });
}

// The parts of a long log that are on the page; the farthest ones leave when others come.
const mostParts = 6;
const parts = { earlier: document.querySelector("[data-log=earlier]"), later: [...document.querySelectorAll("[data-log=later]")].pop() };

function pageOf(link) {
  return Number(new URL(link.href).searchParams.get("page"));
}

function part(nodes, page) {
  const box = document.createElement("div");
  box.className = "part";
  box.dataset.page = page;
  box.append(...nodes);
  return box;
}

// Brings the neighbouring part and lets the link lead to the one behind it.
async function join(which) {
  const link = parts[which];
  const page = pageOf(link);
  const answer = await fetch(link.href);
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const lines = part([...fresh.getElementById("log").childNodes], page);
  const other = which === "later" ? "earlier" : "later";
  // The reader stays at the same lines: browsers do that themselves, but not at the very top.
  const kept = which === "later" ? log.lastElementChild : log.firstElementChild;
  const place = kept.getBoundingClientRect().top;
  if (which === "later") log.append(lines);
  else log.prepend(lines);
  const further = fresh.querySelector(`[data-log=${which}]`);
  link.hidden = !further;
  if (further) link.href = further.href;
  if (log.children.length > mostParts) {
    // At the end of a log there is no way on; the fresh part knows how it is written.
    if (!parts[other]) {
      parts[other] = document.importNode(fresh.querySelector(`[data-log=${other}]`), true);
      log[other === "later" ? "after" : "before"](parts[other]);
      watch(other);
    }
    const far = which === "later" ? log.firstElementChild : log.lastElementChild;
    parts[other].hidden = false;
    parts[other].search = `?page=${far.dataset.page}`;
    far.remove();
  }
  scrollBy({ top: kept.getBoundingClientRect().top - place, behavior: "instant" });
}

// Joins the neighbouring part whenever the link to it comes near.
function watch(which) {
  const joinSoon = paced(() => join(which), 50);
  new IntersectionObserver((seen) => {
    if (seen.some((one) => one.isIntersecting) && !parts[which].hidden) joinSoon();
  }, { rootMargin: "800px" }).observe(parts[which]);
}

if (log && !log.dataset.grows && (parts.earlier || parts.later)) {
  const shown = parts.later ? pageOf(parts.later) - 1 : pageOf(parts.earlier) + 1;
  log.replaceChildren(part([...log.childNodes], shown));
  document.documentElement.style.overflowAnchor = "none";
  // Only for those who scroll: whoever has just opened the page stays where they are.
  addEventListener("scroll", () => {
    for (const which of ["earlier", "later"]) if (parts[which]) watch(which);
  }, { once: true });
}

const live = document.getElementById("live");
if (live) {
  const source = new EventSource(live.dataset.events);
  const refreshSoon = paced(refresh, 1000);
  const reloadSoon = paced(() => location.reload(), 700);
  source.addEventListener("pipeline", refreshSoon);
  source.addEventListener("job", refreshSoon);
  source.addEventListener("lines", (event) => {
    if (!log) reloadSoon();
    else if (log.dataset.grows) grow(JSON.parse(event.data));
  });
  source.addEventListener("denied", () => source.close());
  source.addEventListener("end", async () => {
    source.close();
    await refresh();
  });
}

// Page enhancements: live updates, times in the reader's zone, keyboard shortcuts. Pages work without it.
"use strict";

const kept = {
  read: (name, otherwise) => localStorage.getItem(`kronos-${name}`) ?? otherwise,
  write: (name, value) => localStorage.setItem(`kronos-${name}`, value),
};
const prefix = document.documentElement.dataset.prefix;
const byId = (id) => document.getElementById(id);
// A link to a folded element opens it.
function unfolded(element) {
  const folded = element?.closest("details");
  if (folded) folded.open = true;
  return element;
}

// Times ------------------------------------------------------------------------------------------------------------

const ZONES = ["utc", "viewer", "job"];
const UNITS = [["y", 31557600], ["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

function spanOf(seconds) {
  if (seconds < 1) return "";
  let left = Math.floor(seconds);
  const parts = [];
  for (const [name, unit] of UNITS) {
    if (left >= unit) {
      parts.push(`${Math.floor(left / unit)} ${name}`);
      left %= unit;
    } else if (parts.length) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

function relativeOf(at, now) {
  const seconds = (at - now) / 1000;
  const span = spanOf(Math.abs(seconds));
  if (!span) return "now";
  return seconds > 0 ? `in ${span}` : `${span} ago`;
}

function zoneOf(time, choice) {
  if (choice === "viewer") return undefined;
  return choice === "job" && time.dataset.zone ? time.dataset.zone : "UTC";
}

const formats = new Map();
function formatOf(zone) {
  if (!formats.has(zone)) {
    const options = { dateStyle: "short", timeStyle: "medium", hour12: false, timeZone: zone };
    let format;
    try {
      format = new Intl.DateTimeFormat("sv-SE", options); // 2026-11-29 03:15:00, the server's format
    } catch {
      format = new Intl.DateTimeFormat("sv-SE", { ...options, timeZone: "UTC" });
      zone = "UTC";
    }
    const name = new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeZoneName: "short" });
    formats.set(zone, [format, name]);
  }
  return formats.get(zone);
}

function showTimes(within = document) {
  const choice = byId("zone")?.value ?? "utc";
  const now = Date.now();
  for (const time of within.querySelectorAll("time[datetime]")) {
    const at = Date.parse(time.dateTime);
    const absolute = time.querySelector(".absolute");
    const relative = time.querySelector(".relative");
    if (relative) relative.textContent = relativeOf(at, now);
    if (absolute && absolute.dataset.shown !== choice) {
      const [format, name] = formatOf(zoneOf(time, choice));
      const zone = name.formatToParts(at).find((part) => part.type === "timeZoneName").value;
      absolute.textContent = `${format.format(at)} ${zone}`;
      absolute.dataset.shown = choice;
    }
  }
}

// Keep <details> open or closed as the reader left them while the rest of a page changes.
Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node instanceof HTMLDetailsElement);

// Live updates -----------------------------------------------------------------------------------------------------

const live = { source: null, waiting: null, isAsking: false, isDue: false, next: 0, isWanted: kept.read("live", "on") === "on", isOpening: false, failures: 0 };
// Together with the server's polling (EVERY_SECONDS), a change shows within a second. Slow pages are refetched
// less often: a page uses at most a fifth of the server's time (REST).
const REFRESH_MS = 600;
const REST = 4;
const RETRY_MS = [1000, 2000, 5000, 10000];
// Refetch even without events: waiting runs become late, pg_cron goes silent, and browsers do not report a dead stream.
const IDLE_MS = 30000;

function retry(again) {
  setTimeout(again, RETRY_MS[Math.min(live.failures++, RETRY_MS.length - 1)]);
  showLive();
}
const mainOf = () => byId("main");
// An expensive page (data-rest) is fetched immediately, and then not again for this long.
const restOf = () => Math.max(REFRESH_MS, 1000 * (mainOf()?.dataset.rest ?? 0));
const againOf = () => document.querySelector("[data-again]"); // refetched on a timer, without events

// Do not replace a page while its reader types or selects.
function isBusy() {
  return document.activeElement?.matches("main form :is(input, select, textarea, button), main dialog[open], main dialog[open] *") || document.querySelector("main input:checked[data-select]") || isTyped();
}

// Pages of another release need their own scripts.
function isOfThisRelease(answer) {
  return [...document.querySelectorAll("script[src]")].every((each) => answer.includes(each.getAttribute("src")));
}

// Nor if the reader began while the response was on its way. What a form of the page itself asked for is shown.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.requestConfig.elt.id !== "main") return;
  if (isBusy()) {
    event.detail.shouldSwap = false;
    live.isStale = true;
    if (event.detail.xhr.status === 200) markOutdated(event.detail.serverResponse);
  } else if (event.detail.xhr.status === 200 && !isOfThisRelease(event.detail.serverResponse)) {
    event.detail.shouldSwap = false;
    location.reload();
  }
});

// A hidden page fetches nothing and holds no stream: a browser allows six streams for all tabs together.
function refresh() {
  if (document.hidden || !live.isWanted || live.waiting || !(mainOf()?.dataset.live || againOf())) return;
  live.isDue = live.isAsking; // its response may be older than the change
  if (live.isAsking) return;
  live.waiting = setTimeout(() => {
    live.waiting = null;
    live.isStale = Boolean(isBusy());
    showLive();
    if (live.isStale && !plannedOf().length) return;
    live.next = performance.now() + restOf();
    htmx.trigger(againOf() ?? mainOf(), "kronos:changed");
  }, Math.max(0, live.next - performance.now()));
}

// The time a response takes determines when the next request may be sent.
document.addEventListener("htmx:beforeSend", (event) => {
  if (event.detail.requestConfig.triggeringEvent?.type !== "kronos:changed") return;
  const began = performance.now();
  live.isAsking = true;
  event.detail.xhr.addEventListener("loadend", () => {
    const now = performance.now();
    const isDear = event.detail.xhr.status === 200; // else the request failed, and RETRY_MS schedules the next
    live.next = Math.max(began + restOf(), isDear ? now + Math.min(IDLE_MS, REST * (now - began)) : 0);
    live.isAsking = false;
    if (live.isDue) refresh();
  });
});

// Whether a form holds unsent input. Search forms of htmx do not count: their values are in the address.
function isTyped() {
  const fields = document.querySelectorAll("main form:not([hx-get], [method=dialog]) :is(input:not([type=hidden]), textarea, select)");
  return [...fields].some((each) =>
    each instanceof HTMLSelectElement
      ? each.selectedOptions[0] !== ([...each.options].findLast((option) => option.defaultSelected) ?? each.options[0])
      : each.matches("[type=checkbox], [type=radio]") ? each.checked !== each.defaultChecked : each.value !== each.defaultValue,
  );
}

// The rows of a form that lists the server's suggestions (load plan). markOutdated flags those whose job has changed.
const plannedOf = () => [...document.querySelectorAll("main form[data-planned] input[name=move]")];
const versionOf = (box) => box.value.split(" ", 2).join(" ");

function markOutdated(answer) {
  if (!plannedOf().length) return;
  const there = new DOMParser().parseFromString(answer, "text/html").querySelectorAll("input[name=move]");
  const planned = new Set([...there].map(versionOf));
  const rows = plannedOf().filter((each) => {
    const isOld = !planned.has(versionOf(each));
    each.closest("tr").querySelector(".outdated").hidden = !isOld;
    return isOld;
  });
  const said = !rows.length ? "" : `${rows.length} of these rows ${rows.length > 1 ? "are" : "is"} out of date: jobs have changed since this was shown, or time has passed. Changed jobs will not be moved. Reload the page for a current plan.`;
  if (byId("outdated").textContent !== said) byId("outdated").textContent = said;
}

function listen() {
  const main = mainOf();
  if (document.hidden || !main?.dataset.events || live.source || !live.isWanted) return;
  const url = new URL(main.dataset.events, location.href);
  url.searchParams.set("types", main.dataset.live);
  const source = (live.source = new EventSource(url));
  live.isOpening = !live.failures;
  source.onopen = () => {
    live.isOpening = false;
    if (live.failures) refresh(); // fetch what changed meanwhile
    answered();
    showLive();
  };
  for (const type of [...main.dataset.live.split(","), "reset"]) source.addEventListener(type, refresh);
  source.onerror = () => {
    live.isOpening = false;
    if (source.readyState === EventSource.CLOSED) {
      live.source = null;
      retry(listen);
      refresh(); // a signed-out reader is redirected to sign in
    }
    showLive();
  };
}

function unlisten() {
  live.source?.close();
  live.source = null;
  clearTimeout(live.waiting);
  live.waiting = null;
}

function showLive() {
  const button = byId("live");
  if (!button) return;
  const isOpen = (live.source?.readyState === EventSource.OPEN || againOf()) && !live.failures;
  const word = !live.isWanted ? "Paused" : live.isStale ? "Waiting for your form" : isOpen ? "Live" : "Connecting";
  // The longer word would wrap the navigation, and move the page, in each moment in which a connection opens.
  const isOpening = word === "Connecting" && live.isOpening;
  button.hidden = false;
  button.setAttribute("aria-pressed", String(live.isWanted));
  button.dataset.state = !live.isWanted ? "paused" : isOpen ? "open" : "away";
  button.toggleAttribute("data-opening", isOpening);
  if (isOpening) button.setAttribute("aria-label", word);
  else button.removeAttribute("aria-label");
  button.querySelector(".text").textContent = isOpening ? "Live" : word; // hidden while it opens: it keeps the place
}

function toggleLive() {
  live.isWanted = !live.isWanted;
  kept.write("live", live.isWanted ? "on" : "off");
  if (live.isWanted) {
    listen();
    refresh();
  } else unlisten();
  showLive();
}

// Notices ----------------------------------------------------------------------------------------------------------

function notice(text, { isBad = false } = {}) {
  const place = byId("notices");
  if (isBad && place.querySelector(".bad")?.textContent === text) return; // so that a screen reader announces it once
  const shown = document.createElement("p");
  shown.className = isBad ? "notice bad" : "notice";
  shown.textContent = text;
  place.replaceChildren(shown);
}

// Kronos responded and accepted the session: the error is over, even if the response is not shown.
function answered() {
  live.failures = 0;
  byId("notices").querySelector(".bad")?.remove();
  showLive();
}
for (const lost of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(lost, () => {
    notice("Kronos does not respond. This page may be out of date; retrying automatically.", { isBad: true });
    retry(refresh);
  });
}
document.addEventListener("htmx:responseError", (event) => {
  const answer = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
  notice(answer.body.textContent.trim() || `Kronos returned status ${event.detail.xhr.status}.`, { isBad: true });
  if (event.detail.xhr.status >= 500 && (event.detail.elt.id === "main" || event.detail.elt.dataset.again)) retry(refresh);
});
// Do not redirect a signed-out reader to sign in while the page holds unsent input.
document.addEventListener("htmx:beforeOnLoad", (event) => {
  if (event.detail.xhr.status !== 401 || !isTyped()) return;
  event.preventDefault();
  notice("You are signed out. What you typed is still here: sign in in another tab, then continue.", { isBad: true });
});
document.addEventListener("htmx:afterRequest", (event) => event.detail.successful && answered());
document.addEventListener("htmx:afterSwap", (event) => {
  showTimes(event.detail.target.isConnected ? event.detail.target : document);
});
// An update that removes the focused element leaves the focus on nothing, which is the top of the page.
let focused = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  focused = event.detail.target.contains(document.activeElement) ? document.activeElement : null;
});
document.addEventListener("htmx:afterSettle", () => {
  if (focused && !focused.isConnected && document.activeElement === document.body) mainOf()?.focus({ preventScroll: true });
  focused = null;
});
document.addEventListener("htmx:configRequest", (event) => {
  // A search changes the address without loading a page, so refresh the current address.
  if (event.detail.elt.id === "main") event.detail.path = location.pathname + location.search;
  event.detail.headers["HX-Current-Path"] = location.pathname.slice(prefix.length) + location.search;
});

// Keys -------------------------------------------------------------------------------------------------------------

let pressed = "";
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable], dialog[open]")) return;
  const before = pressed;
  pressed = "";
  if (before === "g") {
    const link = document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`);
    if (link) {
      event.preventDefault();
      location.assign(link.href);
    }
    return;
  }
  const actions = {
    "?": () => byId("shortcuts").showModal(),
    "/": () => unfolded(document.querySelector("main input[type=search]"))?.focus(),
    g: () => (pressed = "g"),
    n: () => document.querySelector("a[data-key=new]")?.click(),
    p: () => byId("live") && toggleLive(),
    t: () => {
      const zone = byId("zone");
      zone.value = ZONES[(ZONES.indexOf(zone.value) + 1) % ZONES.length];
      zone.dispatchEvent(new Event("change"));
    },
  };
  if (Object.hasOwn(actions, event.key)) {
    event.preventDefault();
    actions[event.key]();
  }
});

// Beginning --------------------------------------------------------------------------------------------------------

const zone = byId("zone");
zone.hidden = false;
zone.value = ZONES.includes(kept.read("zone", "utc")) ? kept.read("zone", "utc") : "utc";
zone.addEventListener("change", () => {
  kept.write("zone", zone.value);
  showTimes();
});
const theme = byId("theme");
theme.hidden = false;
theme.addEventListener("click", () => {
  const isDark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = isDark ? "light" : "dark";
  kept.write("theme", document.documentElement.dataset.theme);
});
byId("keys").hidden = false;
byId("keys").addEventListener("click", () => byId("shortcuts").showModal());
byId("live")?.addEventListener("click", toggleLive);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return unlisten();
  listen();
  refresh();
});
document.addEventListener("focusout", () => {
  if (live.isStale) {
    live.isStale = false;
    refresh();
  }
});
if (againOf()) setInterval(refresh, 1000 * againOf().dataset.again);
else setInterval(() => performance.now() - live.next > IDLE_MS && refresh(), IDLE_MS);
window.addEventListener("pagehide", unlisten);
window.addEventListener("pageshow", listen);
setInterval(() => document.hidden || showTimes(), 1000);
showTimes();
showLive();

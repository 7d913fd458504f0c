// Buttons, forms and menus: copying, dialogs, selecting rows, typed confirmations. After kronos.js, whose names it uses.
"use strict";

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("button[data-copy]");
  if (copy) {
    await navigator.clipboard.writeText(byId(copy.dataset.copy).textContent);
    notice("Copied.");
  }
  const opener = event.target.closest("button[data-opens]");
  if (opener) byId(opener.dataset.opens).showModal();
  const closer = event.target.closest("button[data-closes]");
  if (closer) closer.closest("dialog").close();
  const all = event.target.closest("input[data-select-all]");
  if (all) {
    for (const each of document.querySelectorAll("input[data-select]")) each.checked = all.checked;
    document.dispatchEvent(new Event("kronos:selected"));
  } else if (event.target.closest("input[data-select]")) document.dispatchEvent(new Event("kronos:selected"));
});
// Show the title of a small element in words while it is pointed at or focused.
for (const type of ["pointerover", "focusin"]) {
  document.addEventListener(type, (event) => {
    const small = event.target.closest?.("[data-tip]");
    const place = small && byId(small.dataset.tip);
    if (place) place.textContent = small.title;
  });
}
function unfold() {
  const target = location.hash && byId(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) unfolded(target);
}
window.addEventListener("hashchange", unfold);
unfold();
// A form is sent once, however often its button is pressed. Text typed to confirm must match.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) return void event.preventDefault();
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, 5000);
});
document.addEventListener("input", (event) => {
  const typed = event.target.closest("input[data-confirm]");
  if (typed) typed.form.querySelector("button[data-confirmed]").disabled = typed.value !== typed.dataset.confirm;
});
// A menu closes when focus or the pointer leaves it; Escape also returns focus to its opener.
function closeMenus(unless) {
  for (const menu of document.querySelectorAll("details.more[open]")) {
    if (!unless && menu.contains(document.activeElement)) menu.querySelector("summary").focus();
    if (!menu.contains(unless)) menu.open = false;
  }
}
for (const type of ["focusin", "pointerdown"]) document.addEventListener(type, (event) => closeMenus(event.target));
document.addEventListener("keyup", (event) => event.key === "Escape" && closeMenus(null));

function enhance() {
  for (const each of document.querySelectorAll("[data-scripted][hidden]")) each.hidden = false;
  for (const typed of document.querySelectorAll("input[data-confirm]")) {
    typed.form.querySelector("button[data-confirmed]").disabled = typed.value !== typed.dataset.confirm;
  }
}

document.addEventListener("htmx:afterSwap", enhance);
enhance();
// Focus the first invalid field, unfolding it if needed; otherwise the form's overall error.
unfolded(document.querySelector("main [aria-invalid=true]") ?? byId("refusal"))?.focus();

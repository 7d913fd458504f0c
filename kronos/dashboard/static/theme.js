// Before anything is drawn: the colours that the reader chose, or the system's.
"use strict";
{
  const chosen = localStorage.getItem("kronos-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  document.documentElement.classList.add("scripted");
}

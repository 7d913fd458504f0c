// Set the reader's color theme, or the system's, before anything is drawn.
"use strict";
{
  const chosen = localStorage.getItem("kronos-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  document.documentElement.classList.add("scripted");
}

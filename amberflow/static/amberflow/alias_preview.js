// The alias form: shows the calls without a cost that the typed names match. The server decides what matches.
window.addEventListener("load", () => {
  const panel = document.querySelector("[data-alias-matches]");
  const pattern = document.querySelector("input[name=pattern]");
  const provider = document.querySelector("input[name=provider]");
  if (!panel || !pattern || !provider) return;
  let waiting, asked;
  const ask = async () => {
    asked?.abort();
    const current = (asked = new AbortController());
    const names = new URLSearchParams({ provider: provider.value, pattern: pattern.value });
    try {
      const answer = await fetch(`${panel.dataset.aliasMatches}?${names}`, { signal: current.signal });
      if (answer.ok) panel.querySelector("[data-matches]").innerHTML = await answer.text();
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  };
  [pattern, provider].forEach((input) =>
    input.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(ask, 250);
    }),
  );
});

// What a page shows to be wrong, as docs/look.py asks a browser.
() => {
  const article = document.querySelector("article") || document.body;
  const shown = element => element.getClientRects().length > 0;
  const told = element => (element.textContent || "").trim().replace(/\s+/g, " ").slice(0, 40);

  const channels = colour => (colour.match(/[\d.]+/g) || []).map(Number);
  const over = (top, under) => [0, 1, 2].map(at => top[at] * (top[3] ?? 1) + under[at] * (1 - (top[3] ?? 1)));
  const behind = element => {
    if (!element) return [255, 255, 255];
    const own = channels(getComputedStyle(element).backgroundColor);
    return own.length > 3 && own[3] === 0 ? behind(element.parentElement) : over(own, behind(element.parentElement));
  };
  const light = colour => colour
    .slice(0, 3)
    .map(value => value / 255)
    .map(value => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0);
  const contrast = element => {
    const back = behind(element);
    const [one, other] = [light(over(channels(getComputedStyle(element).color), back)), light(back)];
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  };

  const faint = {};
  const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !shown(element)) continue;
    if (element.closest(".headerlink, svg, style, script, .md-source-file, button")) continue;
    const style = getComputedStyle(element);
    if (style.visibility === "hidden") continue;
    const key = `${element.tagName.toLowerCase()}.${element.className}`;
    const value = contrast(element);
    if (!(key in faint) || value < faint[key][0]) faint[key] = [value, told(element)];
  }

  const cut = [...article.querySelectorAll("*")].filter(element => {
    const style = getComputedStyle(element);
    return shown(element) && style.overflowX === "hidden" && element.scrollWidth > element.clientWidth + 1 && !element.closest(".tabbed-labels, button");
  });
  const bare = [...article.querySelectorAll("h1, h2, h3, h4")].filter(heading => {
    const next = heading.nextElementSibling;
    return shown(heading) && !heading.closest(".doc") && (!next || (/^H[1-6]$/.test(next.tagName) && next.tagName <= heading.tagName));
  });
  return {
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    broken: [...document.images].filter(image => image.complete && !image.naturalWidth).map(image => image.src),
    height: article.getBoundingClientRect().height,
    faint: Object.entries(faint)
      .filter(([, [value]]) => value < 4.495)
      .map(([key, [value, text]]) => [key, value, text]),
    cut: cut.map(element => `${element.tagName.toLowerCase()}.${element.className} ${told(element)}`),
    bare: bare.map(told),
    pictures: [...article.querySelectorAll("img")]
      .filter(shown)
      .map(image => [image.getAttribute("src"), image.clientWidth * Number(image.dataset.text || 0)]),
    raw: [...article.querySelectorAll("p, li, td")]
      .filter(element => shown(element) && /^(!!!|\?\?\?|===|\|)|```|<!--/.test(element.textContent.trim()))
      .map(told),
    buttons: [...article.querySelectorAll(".no-copy .md-clipboard, .no-copy .md-code__button")].filter(shown).length,
  };
}

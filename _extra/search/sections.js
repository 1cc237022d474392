// The search looks into sections: Sphinx's own finds pages. Loaded on the search page alone.
"use strict";

{
  const { sections, words, synonyms } = window.bookSections;
  const LONGEST = 4; // words of a synonym
  const MOST = 25; // results: who has read these asks in other words
  const usual = sections.reduce((sum, section) => sum + section[3], 0) / sections.length;

  // The sections in which a word stands, {section: times}. Of an unknown word: its continuations.
  function places(word) {
    const known = Object.hasOwn(words, word) ? [word]
      : Object.keys(words).filter((other) => word.length > 2 && other.startsWith(word));
    const found = new Map();
    for (const one of known) {
      for (let i = 0; i < words[one].length; i += 2) {
        found.set(words[one][i], (found.get(words[one][i]) ?? 0) + words[one][i + 1]);
      }
    }
    return found;
  }

  // How well each section answers to one word (BM25), twice as well where it is in the title.
  function scores(word) {
    const found = places(word);
    const rare = Math.log(1 + sections.length / (found.size + 0.5));
    const rate = ([section, times]) => {
      const [, , , length, title] = sections[section];
      const full = (2.2 * times) / (times + 1.2 * (0.25 + (0.75 * length) / usual));
      return [section, rare * (full + (title.includes(word) ? 3 : 0))];
    };
    return new Map([...found].map(rate));
  }

  // A synonym of several words stands where all of them do.
  function scoresOfAll(member) {
    const [first, ...others] = member.map(scores);
    const all = [...first].filter(([section]) => others.every((found) => found.has(section)));
    return all.map(([section, score]) =>
      [section, others.reduce((sum, found) => sum + found.get(section), score) / member.length]);
  }

  // Split a query into its parts, each with what may stand for it, the longest synonyms first.
  function parts(query) {
    const found = [];
    for (let i = 0; i < query.length;) {
      for (let n = Math.min(LONGEST, query.length - i); n > 0; n--) {
        const asked = query.slice(i, i + n);
        const groups = synonyms.filter((group) => group.some((member) => member.join() === asked.join()));
        if (!groups.length && n > 1) continue;
        found.push([asked, ...groups.flat().filter((member) => member.join() !== asked.join())]);
        i += n;
        break;
      }
    }
    return found;
  }

  // Return [[section, score], …], the best first. A section that answers to all parts comes first.
  function search(query) {
    const total = new Map();
    const asked = parts(query);
    for (const part of asked) {
      const best = new Map();
      part.forEach((member, n) => {
        for (const [section, score] of scoresOfAll(member)) {
          best.set(section, Math.max(best.get(section) ?? 0, n ? 0.8 * score : score));
        }
      });
      for (const [section, score] of best) {
        const { sum, parts: answered } = total.get(section) ?? { sum: 0, parts: 0 };
        total.set(section, { sum: sum + score, parts: answered + 1 });
      }
    }
    return [...total]
      .map(([section, { sum, parts: answered }]) => [section, sum * (answered / asked.length) ** 2])
      .sort((a, b) => b[1] - a[1]).slice(0, MOST);
  }

  // In the place of Sphinx's own search for words. Names of objects keep the first places.
  Search.performTermsSearch = (terms) => {
    const found = search([...terms]);
    const { docnames, titles, filenames } = Search._index;
    return found.map(([section, score]) => {
      const [page, place, title] = sections[section];
      const file = docnames.indexOf(page);
      const shown = place ? `${titles[file]} > ${title}` : title;
      return [page, shown, place, null, (10 * score) / found[0][1], filenames[file]];
    });
  };

  // One place, one result: a term is found as an entry of the glossary, as an object and as a section.
  const all = Search._performSearch;
  Search._performSearch = (...query) => {
    const seen = new Set();
    const first = ([page, , place]) => seen.size < seen.add(page + place).size;
    return all(...query).reverse().filter(first).reverse();
  };

  Documentation.TRANSLATIONS["Search finished, found ${resultCount} page(s) matching the search query."] =
    "Places found: ${resultCount}. The best comes first.";
}

// The search looks into sections: Sphinx's own finds pages. Loaded on the search page alone.
"use strict";

{
  const { sections, words, synonyms } = window.bookSections;
  const LONGEST = 4; // words of a synonym
  const ASKING = new Set(["why", "how", "what", "when", "where", "which", "doe", "do", "my", "i"]);
  const MOST = 25; // results: who has read these asks in other words
  const OTHERS = 0.25; // what the members of a group count that stand there besides the best
  const usual = sections.reduce((sum, section) => sum + section[3], 0) / sections.length;

  // The sections in which a word stands, {section: times}. Of an unknown word: its continuations.
  function places(word) {
    const known = Object.hasOwn(words, word) ? [word]
      : Object.keys(words).filter((other) => word.length > 2 && other.startsWith(word));
    const found = new Map();
    for (const one of known) {
      let section = 0;
      for (let i = 0; i < words[one].length; i += 2) {
        section += words[one][i];
        found.set(section, (found.get(section) ?? 0) + words[one][i + 1]);
      }
    }
    return found;
  }

  // What a word tells of a section, by how many have it (Robertson and Spärck Jones, 1976): next to
  // nothing where most do.
  const rarity = (count) => Math.max(0.1, Math.log((sections.length - count + 0.5) / (count + 0.5)));

  // A synonym of several words stands where all of them do, as often as the rarest of them.
  function placesOfAll([first, ...others]) {
    const more = others.map(places);
    const all = [...places(first)].filter(([section]) => more.every((found) => found.has(section)));
    return all.map(([section, times]) =>
      [section, more.reduce((least, found) => Math.min(least, found.get(section)), times)]);
  }

  // How well each section answers to a synonym (BM25), better where it is in the title or all of it.
  function scores(member) {
    const found = placesOfAll(member);
    const rare = rarity(found.length);
    const rate = ([section, times]) => {
      const [, , , length, title] = sections[section];
      const full = (2.2 * times) / (times + 1.2 * (0.25 + (0.75 * length) / usual));
      const named = member.every((word) => title.includes(word));
      return [section, rare * (full + (named ? 2 + (4 * member.length) / title.length : 0))];
    };
    return found.map(rate);
  }

  // The words of a query, stemmed, without those that only make it a question.
  function told(terms) {
    const rest = terms.filter((word) => !ASKING.has(word));
    return rest.length ? rest : terms;
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

  // How well each section answers to a part: by its best member, and a little by the others.
  function scoresOfPart(part) {
    const found = new Map();
    part.forEach((member, n) => {
      for (const [section, score] of scores(member)) {
        found.set(section, [...found.get(section) ?? [], n ? 0.8 * score : score]);
      }
    });
    const join = (all) => OTHERS * all.reduce((a, b) => a + b) + (1 - OTHERS) * Math.max(...all);
    return [...found].map(([section, all]) => [section, join(all)]);
  }

  // Return [[section, score], …], the best first. A section that answers to all parts comes first;
  // a part to which most sections answer, such as "attention", hardly counts.
  function search(query) {
    const total = new Map();
    let whole = 0;
    for (const part of parts(query).map(scoresOfPart)) {
      const rare = rarity(part.length);
      whole += rare;
      for (const [section, score] of part) {
        const { sum, answered } = total.get(section) ?? { sum: 0, answered: 0 };
        total.set(section, { sum: sum + score, answered: answered + rare });
      }
    }
    return [...total]
      .map(([section, { sum, answered }]) => [section, sum * (answered / whole) ** 2])
      .sort((a, b) => b[1] - a[1]).slice(0, MOST);
  }

  // In the place of Sphinx's own search for words. Names of objects keep the first places.
  Search.performTermsSearch = (terms) => {
    const found = search(told([...terms]));
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

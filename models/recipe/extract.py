#!/usr/bin/env python3
"""Takes English prose out of the Debian packages named in packages.txt.

    python3 extract.py --out work/prose.json

Packages are fetched by `apt-get download` and unpacked below work/, nothing is installed and nothing of them
enters the repository. The licence file of each package is laid beside what was taken.
"""
import argparse
import gzip
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def packages():
    with open(os.path.join(HERE, "packages.txt"), encoding="utf-8") as f:
        return [line.split()[0] for line in f if line.strip() and not line.startswith("#")]


def unpack(work):
    root = os.path.join(work, "packages")
    for name in packages():
        if os.path.exists(os.path.join(root, "usr/share/doc", name)):
            continue
        os.makedirs(root, exist_ok=True)
        print(f"fetching {name}", file=sys.stderr)
        subprocess.run(["apt-get", "download", name], cwd=root, check=True, stdout=subprocess.DEVNULL)
        deb = [f for f in os.listdir(root) if f.startswith(name + "_")][0]
        subprocess.run(["dpkg", "-x", deb, "."], cwd=root, check=True)
        os.remove(os.path.join(root, deb))
    return root


TOPICS = {4: "action", 5: "animal", 6: "object", 7: "quality", 8: "body", 9: "thought", 10: "language", 11: "event", 12: "feeling", 13: "food",
          14: "group", 15: "place", 17: "nature", 18: "person", 20: "plant", 21: "money", 22: "process", 26: "state", 27: "substance", 28: "time",
          29: "body care", 30: "change", 31: "thinking", 32: "speech", 33: "sport", 34: "eating", 35: "touch", 36: "making", 37: "emotion",
          38: "motion", 39: "seeing", 40: "trade", 41: "society", 43: "weather"}


def wordnet(root):
    """entries (word, gloss), glosses by topic, example sentences, words"""
    entries, topics, examples, words = [], {}, [], []
    for part in ("noun", "verb", "adj", "adv"):
        with open(os.path.join(root, "usr/share/wordnet", "data." + part), encoding="utf-8") as f:
            for line in f:
                if line.startswith("  ") or "|" not in line:
                    continue
                head, gloss = line.rstrip().split("|", 1)
                fields = head.split()
                lex, word = int(fields[1]), fields[4].replace("_", " ")
                word = re.sub(r"\((a|p|ip)\)$", "", word)
                quoted = re.findall(r'"([^"]+)"', gloss)
                meaning = re.split(r'[;"]', gloss.strip())[0].strip()
                meaning = re.sub(r"^\([^)]*\)\s*", "", meaning)
                if not meaning:
                    continue
                entries.append((word, meaning))
                if lex in TOPICS and part in ("noun", "verb") and 15 < len(meaning) < 120:
                    topics.setdefault(TOPICS[lex], []).append(f"{word}: {meaning}" if len(entries) % 2 else meaning)
                for q in quoted:
                    q = q.strip().rstrip(";,")
                    if len(q.split()) >= 4 and not q.startswith("-"):
                        examples.append(q[0].upper() + q[1:] + ("" if q[-1] in ".!?" else "."))
                if word.isalpha() and word.islower() and 3 <= len(word) <= 9:
                    words.append(word)
    return entries, topics, examples, sorted(set(words))


FREQUENT = {"noun": 4000, "verb": 1800, "adj": 1500, "adv": 500}


def lexicon(root):
    """frequent words by part of speech with the words that share their first sense: {"noun": [[word, topic, [synonym]]], …}"""
    base = os.path.join(root, "usr/share/wordnet")
    uses = {}
    with open(os.path.join(base, "cntlist.rev"), encoding="utf-8") as f:
        for line in f:
            sense, _, n = line.split()
            word, lex = sense.split("%")
            part = ("", "noun", "verb", "adj", "adv", "adj")[int(lex[0])]
            uses[part, word] = uses.get((part, word), 0) + int(n)
    out = {}
    for part, most in FREQUENT.items():
        seen, rows = set(), []
        with open(os.path.join(base, "data." + part), encoding="utf-8") as f:
            synsets = {line[:8]: line.split("|")[0].split() for line in f if not line.startswith("  ")}
        with open(os.path.join(base, "index." + part), encoding="utf-8") as f:
            first = {line.split()[0]: re.findall(r" (\d{8})", line)[0] for line in f if not line.startswith("  ")}
        plain = re.compile(r"[a-z]{3,11}$")
        for (p, word), n in sorted(uses.items(), key=lambda x: (-x[1], x[0])):
            if p != part or not plain.match(word) or word in seen or word not in first or len(rows) >= most:
                continue
            fields = synsets[first[word]]
            same = [re.sub(r"\(.*", "", w) for w in fields[4:4 + 2 * int(fields[3], 16):2]]
            seen.add(word)
            rows.append([word, int(fields[1]), [w for w in same if w != word and plain.match(w)]])
        out[part] = rows
    return out


def jargon(root):
    with gzip.open(os.path.join(root, "usr/share/dictd/jargon.dict.dz"), "rt", encoding="utf-8", errors="replace") as f:
        text = f.read()
    paragraphs = []
    for p in re.split(r"\n\s*\n", text):
        if not p.startswith("    "):
            continue
        p = re.sub(r"\s+", " ", p).strip()
        p = re.sub(r"[{}]\s?", "", p)
        p = re.sub(r"^(\d+\. )?(\[[^\]]*\] )?", "", p).replace("“", '"').replace("”", '"').replace("’", "'").replace("‘", "'")
        if len(p) > 60 and p[0].isalpha():
            paragraphs.append(p)
    return paragraphs


def split_sentences(p):
    return [s for s in re.split(r"(?<=[.!?]) (?=[A-Z])", p) if 20 < len(s) < 300 and s[0].isupper() and s[-1] in ".!?"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", default=os.path.join(HERE, "work", "prose.json"))
    a = p.parse_args()
    work = os.path.dirname(os.path.abspath(a.out))
    os.makedirs(work, exist_ok=True)
    root = unpack(work)
    entries, topics, examples, words = wordnet(root)
    paragraphs = jargon(root)
    sentences = examples + [s for q in paragraphs for s in split_sentences(q)]
    defined = [f"{w}: {g}" for w, g in entries]
    # texts of a few lines each, in an order that a counter fixes
    texts = ["\n".join(defined[(i + j * 7919) % len(defined)] for j in range(5)) for i in range(0, len(defined), 6)]
    texts += [" ".join(examples[i:i + 8]) for i in range(0, len(examples), 8)]
    texts += [" ".join(paragraphs[i:i + 2]) for i in range(0, len(paragraphs), 2)]
    with open(a.out + ".part", "w", encoding="utf-8") as f:
        json.dump({"sentences": sentences, "glosses": topics, "entries": [e for e in entries if len(e[1]) < 110], "words": words, "texts": texts,
                   "lexicon": lexicon(root)}, f, ensure_ascii=False)
    os.replace(a.out + ".part", a.out)
    print(f"{len(entries)} definitions, {len(examples)} examples, {len(paragraphs)} paragraphs, {sum(map(len, texts))} characters of text", file=sys.stderr)


if __name__ == "__main__":
    main()

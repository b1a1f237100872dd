#!/usr/bin/env python3
"""Measures a model on the held-out tests with the frugal program itself: greedy decoding, stop at the line's end.

    python3 evaluate.py --frugal ../../build/frugal --model ../frugal-tiny.gguf --work work [--xquad xquad.en.json]

Prints one JSON document. The tests of generated passages have 500 rows each (--rows lowers that): with the passage, the same in
two further sets of wordings, without the passage, and with a passage that contradicts a usual fact
that the training text states.
XQuAD (a file you bring) is scored with SQuAD's token F1 on question and paragraph.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import re
import string
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def answer(args, prompt, tokens=24):
    command = [args.frugal, "generate", "-m", args.model, "-p", prompt, "-n", str(tokens), "--temp", "0", "--stop", "\n", "--threads", "1",
               "--quiet", "--ledger", args.ledger, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"evaluate: {' '.join(command[:3])} failed: {done.stderr.strip()}")
    text = json.loads(done.stdout)["text"]
    if text.startswith(prompt):
        text = text[len(prompt):]
    return text.split("\n")[0].strip()


def words(text):
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def f1(got, want):
    a, b = words(got), words(want)
    common = sum((collections.Counter(a) & collections.Counter(b)).values())
    return 2 * common / (len(a) + len(b)) if common else float(a == b)


def rows(path, limit):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f][:limit]


def ask_all(args, prompts):
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        return list(pool.map(lambda p: answer(args, p), prompts))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--frugal", default=os.path.join(HERE, "..", "..", "build", "frugal"))
    p.add_argument("--model", default=os.path.join(HERE, "..", "frugal-tiny.gguf"))
    p.add_argument("--work", default=os.path.join(HERE, "work"), help="where generate.py wrote test.jsonl")
    p.add_argument("--xquad", help="xquad.en.json in SQuAD's form")
    p.add_argument("--rows", type=int, default=500)
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--show", type=int, default=0, help="print so many wrong answers of each test to stderr")
    args = p.parse_args()
    args.ledger = os.path.join(tempfile.mkdtemp(prefix="frugal-evaluate-"), "ledger.db")  # thousands of runs do not belong in the user's
    out = {"schema": 1, "model": os.path.basename(args.model), "rows": args.rows}

    tests = rows(os.path.join(args.work, "test.jsonl"), args.rows)
    contradict = rows(os.path.join(args.work, "test-contradict.jsonl"), args.rows)
    fresh = rows(os.path.join(args.work, "test-fresh.jsonl"), args.rows)
    third = rows(os.path.join(args.work, "test-third.jsonl"), args.rows)
    cases = (("with_passage", [f"Passage: {t['passage']}\nQuestion: {t['question']}\nAnswer:" for t in tests], tests),
             ("with_passage_fresh_wordings", [f"Passage: {t['passage']}\nQuestion: {t['question']}\nAnswer:" for t in fresh], fresh),
             ("with_passage_third_wordings", [f"Passage: {t['passage']}\nQuestion: {t['question']}\nAnswer:" for t in third], third),
             ("without_passage", [f"Question: {t['question']}\nAnswer:" for t in tests], tests),
             ("contradicting_passage", [t["input"] for t in contradict], contradict))
    for name, prompts, wanted in cases:
        got = ask_all(args, prompts)
        right = [g == w["answer"] for g, w in zip(got, wanted)]
        out[name] = {"exact_match": sum(right) / len(right), "n": len(right)}
        if name == "contradicting_passage":
            out[name]["usual_answer_ratio"] = sum(g == w["usual"] for g, w in zip(got, wanted)) / len(right)
        wrong = [(p, g, w["answer"]) for p, g, w, r in zip(prompts, got, wanted, right) if not r]
        for prompt, g, w in wrong[:args.show]:
            print(f"--- {name}\n{prompt}\n  got:  {g}\n  want: {w}", file=sys.stderr)
    if args.xquad:
        with open(args.xquad, encoding="utf-8") as f:
            data = json.load(f)["data"]
        items = [(q["question"], para["context"].replace("\n", " "), [a["text"] for a in q["answers"]])
                 for article in data for para in article["paragraphs"] for q in para["qas"]]
        got = ask_all(args, [f"Passage: {c}\nQuestion: {q}\nAnswer:" for q, c, _ in items])
        out["xquad_en"] = {"token_f1": sum(max(f1(g, w) for w in ws) for g, (_, _, ws) in zip(got, items)) / len(items),
                           "exact_match": sum(max(words(g) == words(w) for w in ws) for g, (_, _, ws) in zip(got, items)) / len(items),
                           "n": len(items)}
    json.dump(out, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()

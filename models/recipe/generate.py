#!/usr/bin/env python3
"""Makes the training data of models/frugal-tiny.gguf, its dev sets and its held-out tests.

    python3 generate.py --out work --prose work/prose.json --seed 1 --scale 1.0

The same seed and prose give the same bytes. Only the Python standard library is used. What is made:

    tokenizer.jsonl      a sample of all of it, for the vocabulary
    repeat1.jsonl …      sequences that say themselves twice: the cheapest way to learn copying
    copy1 … copy6.jsonl  passages with one, two, … several facts, and questions about them
    close.jsonl          three to eight plain facts whose values are all of one kind
    found.jsonl, long.jsonl   several passages as a search brings them, up to a thousand tokens
    real.jsonl           questions about sentences of real English (from prose.json)
    label.jsonl          short texts and one of several labels, with and without shots
    do.jsonl             small instructions: repeat, first word, reverse a list, …
    world.jsonl          usual facts (capitals, opposites, …), and passages that contradict some of them
    dev1 … dev6.jsonl    as copy1 … copy6 with other names; never trained on
    devhand.jsonl, devwide.jsonl   wordings written by hand and clauses of held-out shapes and words; never trained on
    test.jsonl, test-contradict.jsonl   500 rows each: names, facts and wordings that no training row has
    test-fresh.jsonl, test-third.jsonl   500 rows each in wordings written later, see worlds.FRESH and worlds.THIRD
"""
import argparse
import itertools
import json
import os
import random
import re
import sys
import tempfile
import zlib

import clauses as C
import phrases
import worlds as W

HERE = os.path.dirname(os.path.abspath(__file__))

# --- names -----------------------------------------------------------------------------------------

ONSETS = ("b c d f g h j k l m n p r s t v w y z br cr dr fr gr pr tr bl cl fl gl pl sl st sk sp sm sn sw th sh ch kr kl qu ts "
          "mb nd ng ny ly ky hy").split()
VOWELS = "a e i o u a e i o u ai ei au ou ia io ea oo ee y ae ue".split()
CODAS = ["", "", "", ""] + "n r s l m t k d th sh rn nd st rk ng x z p b g ck lt ll ss".split()
ENDINGS = ["", "", "", ""] + "a o us ia en er in on os ar ix ina el is um eth or and ov ski ez ini sen".split()
TEST_ONSETS = "zw vr gn ps kn wh sch kv dw tw zh gh bj mr v z w j sc scr str spl".split()  # heavy on clusters that training lacks
TEST_VOWELS = "a o u e i oa ui eo aa uo yo".split()
TEST_CODAS = ["", ""] + "lk mp rv ft nk rd lf rt nt zz pt ff".split()


def reserved(word):
    """One name in eight is kept for the tests, whatever made it."""
    return zlib.crc32(word.lower().encode()) % 8 == 0


def blocked_names():
    """words that examples/ uses as names; read from its generator so that the two cannot drift"""
    path = os.path.join(HERE, "..", "..", "examples")
    if not os.path.exists(os.path.join(path, "generate.py")):
        return set()
    return {word for name in examples().proper_names() for word in re.findall(r"[A-Z][a-z]+", name)}


def examples():
    """the generator of examples/, as a module"""
    import importlib.util
    path = os.path.join(HERE, "..", "..", "examples")
    spec = importlib.util.spec_from_file_location("examples_generate", os.path.join(path, "generate.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BLOCKED = None


def blocked(word):
    global BLOCKED
    if BLOCKED is None:
        BLOCKED = blocked_names()
    return word in BLOCKED


LISTED = set(W.FIRST_NAMES + W.LAST_PARTS)


def may_generate_name(name):
    """for examples/generate.py --check: could a training passage contain this name?"""
    parts = re.findall(r"[A-Z][a-z]+", name)
    return bool(parts) and all(p in LISTED or not blocked(p) for p in parts)


class Names:
    """Names of people, places and things. A training and a testing source never make the same word."""

    def __init__(self, rng, test):
        self.rng, self.test = rng, test
        self.local = None  # the tongues of the passage at hand
        self.tongues = []  # each with its own sounds, so that no fixed set of syllables can be learned by heart
        for _ in range(12 if test else 60):
            on, vo, co = (TEST_ONSETS, TEST_VOWELS, TEST_CODAS) if test else (ONSETS, VOWELS, CODAS)
            self.tongues.append((rng.sample(on, min(len(on), rng.randint(6, 14))), rng.sample(vo, rng.randint(3, 6)),
                                 rng.sample(co, rng.randint(3, 8)), rng.sample(ENDINGS, 6), rng.choice((1, 2, 2, 3))))

    def settle(self):
        """names of one passage often sound alike, so that they must be told apart by more than how they begin"""
        if not self.test:
            self.local = None
            if self.rng.random() < 0.6:
                self.local = []
                for on, vo, co, en, most in self.rng.sample(self.tongues, self.rng.randint(1, 3)):
                    pick = lambda xs, n: [self.rng.choice(xs) for _ in range(n)]
                    odd = ["".join(pick("aeiouy", 2)) for _ in range(2)] if self.rng.random() < 0.5 else []
                    self.local.append((pick(on, self.rng.randint(2, 5)), pick(vo, 3) + odd, pick(co, 3), pick(en, 4), most))

    def word(self):
        rng = self.rng
        while True:
            style = rng.random()
            if not self.test and PIECES and rng.random() < STRANGE:  # no sound is unheard of: else the model cannot say again what it reads
                w = "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 4)))
                if rng.random() < 0.1:
                    w += rng.choice("aeiouy") + rng.choice(ENDINGS)
            elif style < 0.72:
                on, vo, co, en, most = rng.choice(self.local or self.tongues)
                w = "".join(rng.choice(on) + rng.choice(vo) + (rng.choice(co) if rng.random() < 0.6 else "")
                            for _ in range(rng.randint(1, most)))
                w += rng.choice(en)
                if not self.test and rng.random() < 0.3:  # begins as no tongue does
                    two = "".join(rng.choice("bcdfghjklmnpqrstvwxz") for _ in range(2))
                    w = (two if two not in TEST_ONSETS else two[0] + "l") + w.lstrip("bcdfghjklmnpqrstvwxz") if rng.random() < 0.6 else rng.choice("bcdfghjklmnpqrstvwxyz") + w
            elif style < (0.92 if self.test else 0.86):
                w = rng.choice(W.COMPOUND_A) + rng.choice(W.COMPOUND_B)
            else:  # no grammar at all
                w = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(3, 7)))
            w = w.capitalize()
            if 3 <= len(w) <= 12 and reserved(w) == self.test and not blocked(w):
                return w

    def person(self):
        r = self.rng.random()
        if r < 0.25 and not self.test:
            return self.rng.choice(W.FIRST_NAMES) + (" " + self.rng.choice((self.rng.choice(W.LAST_PARTS), self.word())) if self.rng.random() < 0.7 else "")
        if r < 0.5:
            return self.word() + " " + self.word()
        return self.word()

    def place(self):
        w = self.word()
        return self.rng.choice(("New ", "Port ", "Saint ", "Upper ", "Fort ")) + w if self.rng.random() < 0.08 else w

    def number(self):
        r = self.rng.random()
        return str(self.rng.randint(11, 99) if r < 0.45 else self.rng.randint(100, 999) if r < 0.8 else self.rng.randint(1000, 9999))

    def titled(self, words):
        rng = self.rng
        return rng.choice(("the {w} {k}", "the {k} of {w}", "the {k} {w}", "{w}", "the {w}")).format(w=self.word(), k=rng.choice(words))

    def make(self, kind):
        rng = self.rng
        if kind == "person":
            return self.person()
        if kind in ("place", "land", "animalname", "tongue", "rivername"):
            return self.place()
        if kind == "number":
            return self.number()
        if kind == "year":
            return str(rng.randint(1000, 2029))
        if kind == "code":
            return "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(rng.randint(1, 3))) + rng.choice(("", "-")) + str(rng.randint(1, 999))
        if kind == "color":
            return rng.choice(W.COLORS) if rng.random() < 0.5 else rng.choice(("pale ", "dark ", "light ", "dull ")) + rng.choice(W.COLORS)
        if kind == "job":
            return rng.choice(W.JOBS)
        if kind == "day":
            return rng.choice(W.DAYS)
        if kind == "spot":
            return rng.choice(W.SPOTS) if rng.random() < 0.4 else rng.choice(W.ADJECTIVES) + " " + rng.choice(W.SPOTS)
        if kind == "thing":
            if rng.random() < 0.3:
                return rng.choice(("a ", "the ", "one ", "")) + self.word().lower() if rng.random() < 0.5 else self.word()
            return rng.choice(W.ADJECTIVES) + " " + rng.choice(W.GOODS)
        if kind == "group":
            return self.titled(W.GROUP_WORDS)
        if kind == "firm":
            return self.titled(W.FIRM_WORDS) if rng.random() < 0.7 else self.word() + " & " + rng.choice(("Sons", "Co", self.word()))
        if kind == "house":
            return self.titled(W.HOUSE_WORDS)
        if kind == "ship":
            return self.titled(W.SHIP_WORDS)
        if kind == "book":
            return self.titled(W.BOOK_WORDS)
        if kind == "animal":
            return self.titled(W.ANIMAL_WORDS)
        if kind == "object":
            return self.titled(W.THING_WORDS)
        raise ValueError(kind)

    def subject(self, kind):
        return self.make("object" if kind == "thing" else kind)


# --- facts -----------------------------------------------------------------------------------------

SUBJECTS = "person place land group firm house ship book thing animal".split()


def relations_of(kind):
    return [k for k, r in W.RELATIONS.items() if kind in r[0].split()]


FRESH, THIRD, HAND, WIDE = 2, 3, 4, 5  # `test` is False, True, or one of these: the second and third test, the dev set written by hand, the dev set of held-out clauses


def wordings(test, training, first, fresh, third, hand):
    return {False: training, True: first, FRESH: fresh, THIRD: third, HAND: hand, WIDE: training}[test]


ANY_WORDS = []  # the dictionary's, when there is prose
PIECES = []     # every string of two to four letters that stands in one of them
LEXICON = {}    # {held: clauses.Words}
REAL = {}       # {held: what clauses.real_relations() found}
PHRASES = []    # phrases.relations() less what a test or examples/ also has
CLAUSES = 0.25  # this share of the facts is said and asked in clauses made for it
STRANGE = 0.5     # this share of the words in names is put together from PIECES
SENTENCES = 0.2   # and this share in clauses made from a real sentence


def forbidden():
    """the forms of all tests and of examples/: no training clause may equal one"""
    texts = [x for r in W.RELATIONS.values() for x in r[4:6]] + [x for pair in W.FRESH.values() for x in pair] + [x for p in W.HAND + W.THIRD for x in p[2:]]
    out = {C.form(t) for t in texts}
    nouns = W.NOUN_TEST_STATEMENTS + W.NOUN_TEST_QUESTIONS + W.FRESH_NOUN_STATEMENTS + W.FRESH_NOUN_QUESTIONS + [x for pair in W.THIRD_NOUN for x in pair] + [s for s, _ in W.HAND_NOUN]
    FORBIDDEN_NOUN.append(re.compile("|".join(C.form(t.replace("{r}", "NOUN")).replace("noun", "(a |the )?\\w+( \\w+)?") for t in nouns)))
    path = os.path.join(HERE, "..", "..", "examples")
    if os.path.exists(os.path.join(path, "generate.py")):
        out |= examples().forms()
    return out


FORBIDDEN, FORBIDDEN_NOUN = None, []


def allowed(form):
    """may a training row have this wording?"""
    global FORBIDDEN
    if FORBIDDEN is None:
        FORBIDDEN = forbidden()
    form = C.form(form)
    return form not in FORBIDDEN and not FORBIDDEN_NOUN[0].fullmatch(form)


def everyday():
    for kinds, value, s, q in phrases.relations():
        s, q = [x for x in s if allowed(x)], [x for x in q if allowed(x)]
        if s and q:
            yield kinds, value, s, q


def clause_forms(names, kind_of_subject, held, value=None):
    """(key, kind, statements, questions) of a fresh relation between the subject and something"""
    rng = names.rng
    kind = value or rng.choice(C.KINDS)
    person, other = kind_of_subject in ("person", "animal"), names.make(kind) if rng.random() < 0.5 else None
    if rng.random() < SENTENCES / (CLAUSES + SENTENCES):
        relation = rng.choice(REAL[held])
        c = C.Real(rng, LEXICON[held], kind, person, relation, held, other)
        key = " ".join(relation[1:2] + relation[5:7])
    else:
        c = C.Clause(rng, LEXICON[held], kind, person, held, other)
        key = c.noun if c.role == "noun" else f"{c.role} {c.verb} {c.noun}"
    s, q = [c.statement() for _ in range(4)], [c.question() for _ in range(3)]
    s = [x.replace("{n} {v}", "{n}, {v}").replace("{v} {n}", "{v}, {n}") for x in s]  # where one name ends must be seen
    s = [x for x in s if allowed(x)] or [f"The {c.noun} of {{n}} is {{v}}."]
    q = [x for x in q if allowed(x)] or [f"What is the {c.noun} of {{n}}?"]
    return key, kind, s, q


class Relation:
    """One thing that can be said of a subject, with its wordings."""

    def __init__(self, names, kind, test, value=None):
        rng = names.rng
        if LEXICON and (test == WIDE or not test and rng.random() < CLAUSES + SENTENCES):
            self.key, self.kind, self.statements, self.questions = clause_forms(names, kind, test == WIDE, value)
            return
        if not test:
            if not PHRASES:
                PHRASES.extend(everyday())
            everyday_ones = [p for p in PHRASES if kind in p[0] and (not value or p[1] == value)]
            if everyday_ones and rng.random() < 0.55:
                self.key, self.kind, self.statements, self.questions = rng.choice(everyday_ones)
                self.key = self.statements[0]
                return
        fitting = [k for k in relations_of(kind) if (test != FRESH or k in W.FRESH) and (not value or W.RELATIONS[k][1] == value)]
        pairs = [p for p in {THIRD: W.THIRD, HAND: W.HAND}.get(test, ()) if kind in p[0].split()]
        if pairs and rng.random() < 0.7:
            _, self.kind, s, q = rng.choice(pairs)
            self.key, self.statements, self.questions = s, [s], [q]
            return
        if test not in (THIRD, HAND) and rng.random() < (0.55 if fitting else 0):
            self.key = rng.choice(fitting)
            _, self.kind, s, q, s_test, q_test = W.RELATIONS[self.key]
            self.statements, self.questions = ([W.FRESH[self.key][0]], [W.FRESH[self.key][1]]) if test == FRESH else ([s_test], [q_test]) if test else (s, q)
        else:
            self.kind = value or rng.choice(list(W.NOUNS) + ["person", "place", "thing"])
            self.key = rng.choice(W.NOUNS.get(self.kind) or W.NOUNS["thing"])
            if not test and ANY_WORDS and rng.random() < 0.5:  # any word may name a relation: it has to be found, not known
                self.key = rng.choice(ANY_WORDS)
            ask = W.NOUN_QUESTIONS + (W.NOUN_WHO * 2 if self.kind == "person" else [])
            s, q = wordings(test, (W.NOUN_STATEMENTS, ask), (W.NOUN_TEST_STATEMENTS, W.NOUN_TEST_QUESTIONS), (W.FRESH_NOUN_STATEMENTS, W.FRESH_NOUN_QUESTIONS),
                            *(tuple([x] for x in rng.choice(pairs)) if test in (THIRD, HAND) else None for pairs in (W.THIRD_NOUN, W.HAND_NOUN)))
            if not test:
                s = s + [x.replace("{verb}", rng.choice(W.VERBS)) for x in W.VERB_STATEMENTS for _ in range(2)]
            self.statements, self.questions = [x.replace("{r}", self.key) for x in s], [x.replace("{r}", self.key) for x in q]


def capital(text):
    return text[:1].upper() + text[1:]


def lower_first(text):
    return text[:1].lower() + text[1:]


ANY_VERB = ("keeps seems holds makes brings means shows follows joins meets leads fits marks names ends opens rules stands goes runs gives takes lets finds "
            "looks turns puts sets sees knows hears feels grows falls moves plays pays starts serves needs wants likes calls asks tells helps works "
            "appears belongs begins carries comes covers draws enters fills forms gains gets had has happens changes draws earns faces guards hides").split()


def reworded(rng, form):
    """the same statement with a small word more, or another verb: what is not the value must be told from it"""
    if rng.random() < 0.12:
        form = form.replace(" is {v}", " is " + rng.choice(("truly", "mostly", "quite", "still", "really", "always", "clearly", "just")) + " {v}")
    if form.startswith("{v} is ") and rng.random() < 0.35:
        form = "{v} " + rng.choice(("stays", "is still", "has become", "was always", "became", "is now", "counts as", "shall be", "was and is")) + form[len("{v} is"):]
    elif form.startswith("{v} ") and rng.random() < 0.4:  # where a name ends must be told from the name, not from what follows
        rest = form[len("{v} "):]
        word = rng.choice(ANY_VERB if rng.random() < 0.7 else W.GOODS + W.SPOTS + W.JOBS + W.ADJECTIVES)
        form = "{v} " + word + " " + (rest[len("is "):] if rest.startswith("is ") else rest)
    if rng.random() < 0.06:
        form = form.replace(" {v}.", " {v} " + rng.choice(("only", "now", "today", "again", "alone", "at last", "until today", "these years")) + ".")
    return form


def dressed(rng, form):
    """something beside the name or the value that belongs to neither"""
    if not LEXICON or rng.random() > 0.15:
        return form
    w = LEXICON[False]
    c = C.Clause(rng, w, "thing", rng.random() < 0.5)
    x = rng.random()
    if x < 0.25 and form.startswith("{n} "):
        return "{n}, " + rng.choice((c.np(), c.pp(), "which " + c.predicate(), "who " + c.predicate())) + "," + form[3:]
    if x < 0.5 and form.endswith(" {v}."):
        return form[:-1] + rng.choice((", " + c.np(), " " + c.pp(), ", " + c.np() + " " + c.predicate(), ", which " + c.predicate(), " and " + c.np(), " or so", " while " + c.np() + " " + c.predicate(),
                                       " " + rng.choice(w.adv), " to " + c.any_verb() + " " + c.np(), " (" + c.np() + ")")) + "."
    if x < 0.65 and form.startswith("{v} "):
        return "{v}, " + rng.choice((c.np(), c.pp(), "who " + c.predicate(), C.done(c.any_verb()) + " " + c.pp())) + "," + form[3:]
    lead = rng.choice((c.pp(), "when " + c.np() + " " + c.predicate(), rng.choice(w.adv), C.ing(c.any_verb()) + " " + c.np(), C.done(c.any_verb()) + " by " + c.np(), "although " + c.np() + " " + c.predicate()))
    if x < 0.85:
        return capital(lead) + rng.choice((", ", ", ", " ")) + (form if form.startswith("{") else lower_first(form))
    return capital(c.np() + " " + C.past(c.any_verb()) + rng.choice((" that ", " how ", ": "))) + (form if form.startswith("{") else lower_first(form))


def say(rng, form, n, v, test, plain=False):
    if plain:
        return capital(form.format(n=n, v=v))
    if not test:
        form = dressed(rng, reworded(rng, form))
    text = form.format(n=n, v=v).rstrip(".")
    before = rng.choice(wordings(test, W.BEFORE, W.BEFORE_TEST, W.BEFORE_FRESH, W.BEFORE_THIRD, W.BEFORE_HAND))
    if not test and before and rng.random() < 0.06:  # any few words may stand there
        words = [rng.choice(W.ADJECTIVES + W.SPOTS + W.JOBS + W.GOODS) for _ in range(rng.randint(1, 3))]
        before = rng.choice(("In the {w}, ", "With {w}, ", "Near the {w}, ", "The {w} said that ", "Under the {w}, ", "It was {w}: ", "Because of {w}, ")).format(w=" ".join(words))
    after = rng.choice(wordings(test, W.AFTER, W.AFTER_TEST, W.AFTER_FRESH, W.AFTER_THIRD, W.AFTER_HAND))
    if not test and not before and form.startswith("{n}") and rng.random() < 0.3:
        before = rng.choice(W.BARE_LEADS)
    if not test and rng.random() < 0.2:
        x = rng.random()
        after = (rng.choice(W.TAILS) if x < 0.6 else " " + rng.choice(("near", "with", "in", "at", "behind", "like", "by", "on", "for")) + " "
                 + rng.choice(("the ", "a ", "every ", "")) + rng.choice(W.SPOTS + W.JOBS + W.GOODS)) + (after if after.startswith(",") else "")
    if ":" in text:
        before, after = "", ""
    if before and not form.startswith("{"):  # a wording that begins with a word of its own
        text = lower_first(text)
    return capital(before + text + after + ".")


OTHER_WORDS = (("Who ", ("Which man ", "Which woman ", "What man ", "Which one ", "Which human ")),
               ("Where ", ("In which city ", "At what spot ", "At which spot ", "In which village ")),
               ("When ", ("At what time ", "At which time ", "In which years ")),
               ("What does ", ("Which goods does ", "What kind of thing does ", "What exactly does ", "Which object does ")),
               ("What is the ", ("Which is the ", "What may be the ", "Tell me the ", "Would you know the ", "I want to know the ", "Have you seen the ", "Can one learn the ")))


def asked(rng, form):
    """the same question with another question word"""
    for word, others in OTHER_WORDS:
        if form.startswith(word) and rng.random() < 0.3:
            return rng.choice(others) + form[len(word):]
    return form


def ask(rng, form, n, test):
    if not test:
        form = asked(rng, form)
        if LEXICON and rng.random() < 0.05:
            c = C.Clause(rng, LEXICON[False], "thing", True)
            form = capital(rng.choice((c.pp(), rng.choice(c.w.adv), C.ing(c.any_verb()) + " " + c.np(), "if " + c.np() + " " + c.predicate(), "as " + c.np() + " " + c.predicate()))) + ", " + (
                form if form.startswith("{") else lower_first(form))
    text = form.format(n=n)
    before = rng.choice(wordings(test, W.ASK_BEFORE, W.ASK_BEFORE_TEST, W.ASK_BEFORE_FRESH, W.ASK_BEFORE_THIRD, W.ASK_BEFORE_HAND))
    return capital(before + (lower_first(text) if before.endswith(", ") and not form.startswith("{") else text))


class Passage:
    """Some facts in a text, and the questions that can be asked of it."""

    def __init__(self, names, facts, test=False, prose=None, filler=0.35, close=False):
        """`close`: plain statements whose values are of one kind, so that only the name, or what is said, tells them apart"""
        rng = names.rng
        names.settle()
        value = rng.choice(("person", "person", "place", "thing", "animalname", "tongue", "number", "code")) if close else None
        only = rng.choice(SUBJECTS) if close and rng.random() < 0.5 else None
        self.rng, self.names, self.test = rng, names, test
        self.facts = []  # (subject, relation, value)
        used = set()
        while len(self.facts) < facts:
            shape = rng.random()
            kind = only or rng.choice(SUBJECTS)
            room = facts - len(self.facts)
            if shape < 0.4:    # one subject, several relations
                subject, count = names.subject(kind), rng.randint(1, min(room, 5))
                made = {}
                for _ in range(count):
                    r = Relation(names, kind, test, value)
                    made.setdefault(r.key, r)
                batch = [(subject, r) for r in made.values()]
            elif shape < 0.8:  # several subjects, one relation: only the name tells which value is meant
                r, count = Relation(names, kind, test, value), rng.randint(1, min(room, 4))
                batch = [(names.subject(kind), r) for _ in range(count)]
            else:
                batch = [(names.subject(kind), Relation(names, kind, test, value))]
            for subject, r in batch:
                v = names.make(r.kind)
                if v in used or subject in used and shape >= 0.4 or v == subject:
                    continue
                used.update((v, subject))
                self.facts.append((subject, r, v))
        if rng.random() < 0.6:
            rng.shuffle(self.facts)
        sentences, before = [], None
        for s, r, v in self.facts:
            form = rng.choice(r.statements)
            if not test and s == before and rng.random() < 0.25 and ("{n}'s " in form or " of {n} " in form or form.startswith("{n} ")):
                if form.startswith("{n} ") and rng.random() < 0.6 and sentences[-1].startswith(capital(s)):  # two facts in one sentence
                    sentences[-1] = sentences[-1].rstrip(".") + rng.choice((" and ", ", and ", " but ", ", but also ", "; it ", ", then ", " and also ")) + form[4:].format(n=s, v=v).rstrip(".") + "."
                else:
                    own = rng.choice(("its", "his", "her"))
                    form = re.sub(r"(?i)the (\w+) of \{n\}", own + r" \1", form).replace("{n}'s", own)
                    sentences.append(capital(form.format(n=rng.choice(("It", "He", "She")), v=v)))
            elif s == before and form.startswith("{n} ") and rng.random() < 0.2:  # as a person would go on
                sentences.append(form.format(n=rng.choice(("It", "It", "He", "She")), v=v))
            else:
                sentences.append(say(rng, form, s, v, test, close and rng.random() < 0.8))
                if not close and len(sentences) > 1 and form.startswith("{") and rng.random() < 0.08:
                    last = sentences.pop()
                    sentences[-1] = sentences[-1].rstrip(".") + rng.choice((", and ", "; ", ", while ", ", but ")) + (last if s in last[:len(s)] or v in last[:len(v)] else lower_first(last))
            before = s
        for _ in range(0 if close else 3):
            if rng.random() < filler * min(1.0, facts / 3):
                if prose and rng.random() < 0.6:
                    extra = rng.choice(prose)
                else:
                    extra = rng.choice(wordings(test, W.FILLER, W.FILLER_TEST, W.FILLER_FRESH, W.FILLER_THIRD, W.FILLER_HAND))
                sentences.insert(rng.randint(0, len(sentences)), extra)
        self.text = " ".join(sentences)

    def question(self, i):
        s, r, v = self.facts[i]
        return ask(self.rng, self.rng.choice(r.questions), s, self.test), v

    def missing(self):
        """a question that the passage does not answer"""
        while True:
            s, _, _ = self.rng.choice(self.facts)
            kind = self.rng.choice(SUBJECTS)
            r = Relation(self.names, kind, self.test)
            if not any(r.key == other.key for _, other, _ in self.facts):
                return ask(self.rng, self.rng.choice(r.questions), s, self.test), W.NOTHING

    def stated(self):
        """yes or no: is this sentence what the passage says?"""
        s, r, v = self.rng.choice(self.facts)
        true = self.rng.random() < 0.5
        if not true:
            others = [o for x, q, o in self.facts if o != v and q.kind == r.kind]
            v = self.rng.choice(others) if others and self.rng.random() < 0.6 else self.names.make(r.kind)
        form = self.rng.choice(r.statements)
        claim = form.format(n=s, v=v).rstrip(".")
        claim = claim if form.startswith("{") else lower_first(claim)
        lead = self.rng.choice(("Is it stated that {c}?", "Does the passage say that {c}?", "True or not: {c}?", "Is it right that {c}?", "Yes or no: {c}?"))
        return lead.format(c=claim), "yes" if true else "no"


def block(question, answer):
    return f"Question: {question}\nAnswer: {answer}\n"


def row(prompt, answer):
    return {"input": prompt, "output": f" {answer}\n"}


def shots(names):
    """blocks of question and answer that come before, as a few-shot prompt has them"""
    rng = names.rng
    out = ""
    for _ in range(rng.randint(1, 4)):
        kind = rng.choice(SUBJECTS)
        r = Relation(names, kind, False)
        out += block(ask(rng, rng.choice(r.questions), names.subject(kind), False), names.make(r.kind)) + "\n"
    return out


def asked_rows(text, blocks):
    """one passage, several questions: a document of turns, learned on its answers only"""
    turns = []
    for i, (q, a) in enumerate(blocks):
        turns.append([(text if i == 0 else "\n") + f"Question: {q}\nAnswer:", f" {a}\n"])
    return {"turns": turns}


def copy_rows(names, facts, count, prose, several=0.85, close=False):
    """passages with questions; `several` is the share that asks more than one question of the same passage"""
    rng = names.rng
    for _ in range(count):
        k = rng.randint(*facts)
        p = Passage(names, k, prose=prose, close=close)
        text = (shots(names) if rng.random() < 0.05 else "") + f"Passage: {p.text}\n"
        if k > 2 and p.text.count(". ") > 1 and rng.random() < 0.1:  # several passage lines
            sentences = p.text.split(". ")
            cut = rng.randint(1, max(1, len(sentences) - 1))
            text = text[:text.index("Passage: ")] + f"Passage: {'. '.join(sentences[:cut])}.\nPassage: {'. '.join(sentences[cut:])}\n"
        order = list(range(k))
        rng.shuffle(order)
        if rng.random() < several:
            blocks = []
            for i in order[:8]:
                x = rng.random()
                blocks.append(p.missing() if x < 0.005 else p.stated() if x < 0.03 else p.question(i))
            yield asked_rows(text, blocks)
        else:
            x = rng.random()
            q, a = p.missing() if x < 0.007 else p.stated() if x < 0.04 else p.question(order[0])
            yield row(f"{text}Question: {q}\nAnswer:", a)


def found_rows(names, passages, prose, paragraphs, count):
    """several passages, as a search would bring them: one subject each, often of one kind, with the same relations"""
    rng = names.rng
    for _ in range(count):
        kind = rng.choice(SUBJECTS)
        same = [Relation(names, kind, False) for _ in range(rng.randint(3, 7))]
        same = list({r.key: r for r in same}.values())
        asked, texts, used = [], [], set()
        for _ in range(rng.randint(*passages)):
            if paragraphs and rng.random() < 0.12:
                texts.append(rng.choice(paragraphs)[:rng.randint(200, 600)])
                continue
            subject = names.subject(kind)
            if subject in used:
                continue
            used.add(subject)
            sentences = []
            for r in same:
                v = names.make(r.kind)
                if rng.random() < 0.85 and v not in used:
                    used.add(v)
                    sentences.append(say(rng, rng.choice(r.statements), subject, v, False))
                    asked.append((subject, r, v))
            rng.shuffle(sentences)
            for _ in range(rng.randint(0, 4)):
                sentences.insert(rng.randint(0, len(sentences)), rng.choice(prose) if prose and rng.random() < 0.6 else rng.choice(W.FILLER))
            title = f"# {capital(subject)} " if rng.random() < 0.4 else f"{capital(subject)}: " if rng.random() < 0.2 else ""
            texts.append(title + " ".join(sentences))
        if not asked:
            continue
        rng.shuffle(texts)
        text = (shots(names) if rng.random() < 0.1 else "") + "".join(f"Passage: {t}\n" for t in texts)
        rng.shuffle(asked)
        blocks = [(ask(rng, rng.choice(r.questions), s, False), v) for s, r, v in asked[:8]]
        if rng.random() < 0.007:
            yield row(f"{text}Question: {ask(rng, rng.choice(same[0].questions), names.subject(kind), False)}\nAnswer:", W.NOTHING)
        elif rng.random() < 0.85:
            yield asked_rows(text, blocks)
        else:
            yield row(f"{text}Question: {blocks[0][0]}\nAnswer:", blocks[0][1])


def dev_rows(names, facts, count, prose, test=False):
    rng = names.rng
    for _ in range(count):
        p = Passage(names, rng.randint(*facts), test=test, prose=prose)
        q, a = p.question(rng.randrange(len(p.facts)))
        yield row(f"Passage: {p.text}\nQuestion: {q}\nAnswer:", a)


def repeat_rows(names, count, words, items):
    """A B C … A B C …: what came after this the last time?"""
    rng = names.rng
    for _ in range(count):
        style = rng.random()
        n = rng.randint(*items)
        if style < 0.3:
            seq = [names.word() for _ in range(n)]
        elif style < 0.4:
            seq = [names.word().lower() if rng.random() < 0.5 else names.number() for _ in range(n)]
        elif style < 0.8 and words:
            seq = [rng.choice(words) for _ in range(n)]
        else:
            seq = [rng.choice((names.word, names.person, names.number))() for _ in range(n)]
        sep = rng.choice((" ", " ", " ", ", ", "\n"))
        times = rng.randint(2, 3)
        if rng.random() < 0.3 and n > 3:  # pairs, asked in another order: the key decides, not the place
            pairs = list(zip(seq[::2], seq[1::2]))
            mid = rng.choice((" = ", ": ", " is ", " "))
            parts = []
            for _ in range(times):
                rng.shuffle(pairs)
                parts.append("\n".join(a + mid + b for a, b in pairs))
            yield {"text": "\n".join(parts) + "\n"}
        else:
            yield {"text": sep.join(seq * times) + "\n"}


# --- the real world --------------------------------------------------------------------------------

def world_facts():
    """(key, subject, statements, questions, value); one wording apart is kept for the test"""
    facts = []
    for line in W.COUNTRIES.split():
        land, city, tongue, continent = (x.replace("_", " ") for x in line.split(":"))
        facts.append(("capital", land, W.RELATIONS["capital"], city))
        facts.append(("tongue", land, W.RELATIONS["tongue"], tongue))
        facts.append(("continent", land, ("", "place", ["{n} is a country in {v}.", "{n} lies in {v}.", "One finds {n} in {v}."],
                                          ["On which continent is {n}?", "Where does {n} lie?", "In which part of the world is {n}?"],
                                          "The map shows {n} in {v}.", "On what continent does one find {n}?"), continent))
    for (s, q), pairs in W.WORLD_PAIRS.items():
        for pair in pairs.split():
            n, v = (x.replace("_", " ") for x in pair.split(":"))
            facts.append((s, n, ("", "thing", [s], [q], "Most people hold that " + (s if s.startswith("{") else lower_first(s)), "Quite simply: " + q), v))
    return facts


def contradictable(fact):
    """a third of the usual facts is never contradicted in training; the test contradicts those"""
    return zlib.crc32((fact[0] + fact[1]).encode()) % 3 != 0


def world_rows(names, count, prose):
    rng, facts = names.rng, world_facts()
    for _ in range(count):
        x = rng.random()
        f = rng.choice(facts)
        if x < 0.35:      # said, several at once
            some = rng.sample(facts, rng.randint(2, 6))
            yield {"text": " ".join(say(rng, rng.choice(r[2]), n, v, False) for _, n, r, v in some) + "\n"}
        elif x < 0.6:     # asked without a passage, with or without shots
            some = rng.sample(facts, rng.randint(1, 5))
            yield {"text": "\n".join(block(ask(rng, rng.choice(r[3]), n, False), v) for _, n, r, v in some)}
        elif x < 0.68:    # nobody can know
            kind = rng.choice(SUBJECTS)
            r = Relation(names, kind, False)
            yield row(f"Question: {ask(rng, rng.choice(r.questions), names.subject(kind), False)}\nAnswer:", W.NOTHING)
        else:             # a passage that says otherwise: the passage is right
            while not contradictable(f):
                f = rng.choice(facts)
            yield world_passage(names, f, False, prose)


def other_value(names, fact, test):
    rng = names.rng
    key, n, r, v = fact
    x = rng.random()
    if x < 0.6:
        w = names.word()
        return w if key in ("capital", "tongue", "continent") else w.lower()
    same = [g[3] for g in world_facts() if g[0] == key and g[3] != v]
    return rng.choice(same)


def world_passage(names, f, test, prose):
    rng = names.rng
    key, n, r, v = f
    new = other_value(names, f, test)
    others = rng.randint(0, 3)
    p = Passage(names, others, test=test, prose=prose) if others else None
    form, question = ([r[4]], [r[5]]) if test else (r[2], r[3])
    sentences = ([p.text] if p else []) + [say(rng, rng.choice(form), n, new, test)]
    rng.shuffle(sentences)
    return row(f"Passage: {' '.join(sentences)}\nQuestion: {ask(rng, rng.choice(question), n, test)}\nAnswer:", new)


# --- labels, instructions, real sentences ----------------------------------------------------------

def label_rows(names, count, glosses):
    """glosses: {topic: [short text]} from the dictionary; also texts whose words betray their label"""
    rng = names.rng
    topics = list(glosses)
    for _ in range(count):
        style = rng.random()
        k = rng.randint(2, 6)
        if style < 0.55 and len(topics) > k:
            labels = rng.sample(topics, k)
            def text(label):
                return rng.choice(glosses[label])
            shown = labels
        else:
            # invented classes: each has its own few words; labels are names, numbers or letters, so only the shots tell
            labels = list(dict.fromkeys(names.word() if style < 0.8 else rng.choice((rng.choice("ABCDEFGH"), rng.choice(W.GROUP_WORDS), rng.choice(W.GOODS)))
                                        for _ in range(k)))
            own = {label: rng.sample(W.GOODS + W.SPOTS + W.JOBS + W.ADJECTIVES, 5) for label in labels}
            def text(label):
                common = rng.sample(W.FILLER, 1)[0]
                words = " ".join(rng.sample(own[label], rng.randint(2, 4)))
                return rng.choice((words, f"{words}. {common}", f"the {words}", f"{common} {words}"))
            shown = labels
        zero = style < 0.55 and rng.random() < 0.4
        shots = 1 if zero else rng.randint(max(2, len(labels)), 10)
        order = [labels[i % len(labels)] for i in range(shots)]
        rng.shuffle(order)
        out = f"Labels: {', '.join(shown)}\n" + "\n".join(f"Text: {text(l)}\nLabel: {l}\n" for l in order)
        if shots > 1 and rng.random() < 0.7:
            parts = out.split("Label:")
            turns = []
            head = parts[0]
            for part in parts[1:]:
                label, _, rest = part.partition("\n")
                turns.append([head + "Label:", label + "\n"])
                head = rest
            yield {"turns": turns}
        else:
            cut = out.rindex("Label:") + len("Label:")
            yield {"input": out[:cut], "output": out[cut:]}


def do_rows(names, count, words):
    rng = names.rng
    words = words or W.GOODS
    for _ in range(count):
        some = [rng.choice((rng.choice(words), rng.choice(words), names.word())) for _ in range(rng.randint(2, 7))]
        plain, listed = " ".join(some), ", ".join(some)
        one = rng.choice(some)
        i, r = rng.choice((
            (rng.choice(("Repeat: ", "Say again: ", "Copy this: ", "Write this once more: ")) + plain, plain),
            (rng.choice(("Give the first word of: ", "First word of: ", "What is the first word here: ")) + plain, some[0]),
            (rng.choice(("Give the last word of: ", "Last word of: ", "What is the last word here: ")) + plain, some[-1]),
            (rng.choice(("Reverse the list: ", "List in reverse order: ", "Turn this list around: ")) + listed, ", ".join(reversed(some))),
            (rng.choice(("Write in capitals: ", "Upper case: ", "Write in upper case: ")) + one, one.upper()),
            (rng.choice(("Write in small letters: ", "Lower case: ")) + one.upper(), one.lower()),
            (rng.choice(("How many words are in: ", "Count the words: ")) + plain, str(len(some))),
            (f"Is the word {one} in this list: {listed}", "yes"),
            (f"Is the word {rng.choice(words)}x in this list: {listed}", "no"),
            (f"Which word comes after {some[0]} in: {plain}", some[1]),
            (f"Sort by length, shortest first: {' '.join(sorted(some))}", " ".join(sorted(sorted(some), key=len))),
        ))
        yield row(f"Instruction: {i}\nResponse:", r)


SMALL = set("the a an of to in and or is was were are be been that which with for on at by from as it its his her their this these those not but he she they i "
            "who whom had has have will would shall may can could into unto upon them him me my your our us we you thou thee ye all so".split())


def real_rows(names, count, sentences):
    """questions whose answers stand in real sentences: the word that fills a gap, or what follows some words"""
    rng = names.rng
    for _ in range(count):
        parts = [rng.choice(sentences) for _ in range(rng.randint(1, 4))]
        target = rng.choice(parts)
        words = target.split()
        spots = [i for i, w in enumerate(words) if i > 1 and i < len(words) - 1 and w.isalpha() and w.lower() not in SMALL and len(w) > 2 and words.count(w) == 1]
        if len(words) < 6 or not spots:
            continue
        i = rng.choice(spots)
        j = i + 1
        while rng.random() < 0.3 and j < len(words) - 1 and words[j].isalpha():
            j += 1
        answer = " ".join(words[i:j])
        left, right = " ".join(words[max(0, i - rng.randint(2, 6)):i]), " ".join(words[j:j + rng.randint(1, 5)]).rstrip(".,;:")
        q = rng.choice((f"What fills the gap in: {left} ... {right}?", f"{capital(left)} what?", f"What comes after \"{left}\"?",
                        f"Which word stands between \"{left}\" and \"{right}\"?", f"{capital(left)} what {right}?", f"What {right}, after {left}?"))
        yield row(f"Passage: {' '.join(parts)}\nQuestion: {q}\nAnswer:", answer)


def define_rows(names, count, entries):
    """dictionary entries as passages: which word has this meaning, what does this word mean"""
    rng = names.rng
    for _ in range(count):
        some = rng.sample(entries, rng.randint(2, 5))
        text = " ".join(f"{capital(w)}: {g}." for w, g in some)
        blocks = []
        for w, g in rng.sample(some, rng.randint(1, 2)):
            x = rng.random()
            if x < 0.5:
                blocks.append((rng.choice(("Which word means {g}?", "What is the word for {g}?", "What is called {g}?", "What is {g}?")).format(g=g), w))
            else:
                blocks.append((rng.choice(("What does {w} mean?", "What is {w}?", "What is said of {w}?", "How is {w} defined?")).format(w=w), g))
        if len(blocks) > 1:
            yield asked_rows(f"Passage: {text}\n", blocks)
        else:
            yield row(f"Passage: {text}\nQuestion: {blocks[0][0]}\nAnswer:", blocks[0][1])


# --- files -----------------------------------------------------------------------------------------

def forms():
    """every wording of the recipe with its slots blanked, for examples/generate.py --check"""
    texts = list(W.FILLER) + list(W.FILLER_TEST)
    for _, _, s, q, s_test, q_test in W.RELATIONS.values():
        texts += s + q + [s_test, q_test]
    texts += [x for pair in W.FRESH.values() for x in pair] + W.FILLER_FRESH + W.FILLER_THIRD + W.FILLER_HAND + [x for p in W.THIRD + W.HAND for x in p[2:]]
    texts += [x for _, _, s, q in everyday() for x in s + q]
    for nouns in W.NOUNS.values():
        for r in nouns:
            texts += [x.replace("{r}", r).replace("{verb}", verb) for x in W.VERB_STATEMENTS for verb in W.VERBS]
            texts += [x.replace("{r}", r) for x in W.NOUN_STATEMENTS + W.NOUN_QUESTIONS + W.NOUN_WHO + W.NOUN_TEST_STATEMENTS + W.NOUN_TEST_QUESTIONS]
    return {re.sub(r"\W+", " ", re.sub(r"\{\w+\}", "_", t)).lower().strip() for t in texts}


def write(path, rows):
    with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(os.path.abspath(path)), delete=False, encoding="utf-8") as f:
        n = 0
        for r in rows:
            f.write(json.dumps(r, ensure_ascii=False) + "\n")
            n += 1
    os.chmod(f.name, 0o644)
    os.replace(f.name, path)
    print(f"{os.path.basename(path)}: {n} rows", file=sys.stderr)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", default=os.path.join(HERE, "work"))
    p.add_argument("--prose", help="prose.json that extract.py made; without it only invented text is used")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--scale", type=float, default=1.0, help="multiplies the number of training rows")
    a = p.parse_args()
    os.makedirs(a.out, exist_ok=True)
    prose = {"sentences": [], "glosses": {}, "entries": [], "words": []}
    if a.prose:
        with open(a.prose, encoding="utf-8") as f:
            prose = json.load(f)
    ANY_WORDS.extend(prose["words"])
    PIECES.extend(sorted({w[i:i + n] for w in prose["words"] if w.isascii() and w.isalpha() and w.islower() for n in (2, 3, 4) for i in range(len(w) - n + 1)}))
    if prose.get("lexicon"):
        LEXICON.update({held: C.Words(prose["lexicon"], held) for held in (False, True)})
        real = C.real_relations(prose["sentences"], prose["lexicon"])
        REAL.update({held: [r for r in real if C.held_word(" ".join(r[3:7])) == held] for held in (False, True)})
    sentences = prose["sentences"]
    short = [s for s in sentences if 20 < len(s) < 140]
    cut = len(short) // 20  # the tests have prose of their own
    short_test, short = short[:cut], short[cut:]

    def names(purpose, test=False):
        return Names(random.Random(f"{a.seed}:{purpose}"), test)

    def n(count):
        return int(count * a.scale)

    def path(name):
        return os.path.join(a.out, name)

    write(path("repeat1.jsonl"), repeat_rows(names("repeat1"), n(40000), prose["words"], (2, 7)))
    write(path("repeat2.jsonl"), repeat_rows(names("repeat2"), n(20000), prose["words"], (4, 24)))
    for i, (facts, count) in enumerate(
            (((1, 1), 40000), ((1, 2), 40000), ((2, 3), 40000), ((2, 4), 40000), ((3, 6), 40000), ((5, 12), 15000)), start=1):
        write(path(f"copy{i}.jsonl"), copy_rows(names(f"copy{i}"), facts, n(count), short))
        write(path(f"dev{i}.jsonl"), dev_rows(names(f"dev{i}"), facts, 200, short_test))
    write(path("close.jsonl"), copy_rows(names("close"), (3, 8), n(40000), short, 1.0, True))
    words = prose["words"]
    sample = itertools.chain(({"text": t} for t in prose.get("texts", [])[::2]), repeat_rows(names("tok0"), n(2000), words, (2, 7)),
                             *(copy_rows(names(f"tok{k}"), (1, k), n(3000), short) for k in (2, 4)), do_rows(names("tok5"), n(3000), words),
                             world_rows(names("tok6"), n(2000), short))
    write(path("tokenizer.jsonl"), (r if "turns" not in r else {"text": "".join(a + b for a, b in r["turns"])} for r in sample))
    long = [t for t in prose.get("texts", []) if len(t) > 300]
    write(path("found.jsonl"), found_rows(names("found"), (2, 4), short, long, n(15000)))
    write(path("long.jsonl"), found_rows(names("long"), (4, 9), short, long, n(4000)))
    write(path("devfound.jsonl"), (r for r in found_rows(names("devfound"), (2, 4), short_test, [], 600) if "input" in r))
    write(path("world.jsonl"), world_rows(names("world"), n(20000), short))
    write(path("do.jsonl"), do_rows(names("do"), n(20000), prose["words"]))
    write(path("label.jsonl"), label_rows(names("label"), n(20000), prose["glosses"]))
    if sentences:
        write(path("real.jsonl"), real_rows(names("real"), n(30000), short))
        write(path("define.jsonl"), define_rows(names("define"), n(20000), prose["entries"]))
        write(path("text.jsonl"), ({"text": t + "\n"} for t in prose["texts"]))

    for name, test in (("devhand", HAND), ("devwide", WIDE)):
        if test == HAND or LEXICON:
            write(path(name + ".jsonl"), dev_rows(names(name, test=True), (2, 6), 300, short_test, test))

    tests = names("test", test=True)
    rows = []
    while len(rows) < 500:
        ps = Passage(tests, tests.rng.randint(2, 6), test=True, prose=short_test)
        q, v = ps.question(tests.rng.randrange(len(ps.facts)))
        rows.append({"passage": ps.text, "question": q, "answer": v})
    write(path("test.jsonl"), rows)
    fresh, rows = names("fresh", test=True), []
    while len(rows) < 500:
        ps = Passage(fresh, fresh.rng.randint(2, 6), test=FRESH, prose=short_test)
        q, v = ps.question(fresh.rng.randrange(len(ps.facts)))
        rows.append({"passage": ps.text, "question": q, "answer": v})
    write(path("test-fresh.jsonl"), rows)
    third, rows = names("third", test=True), []
    while len(rows) < 500:
        ps = Passage(third, third.rng.randint(2, 6), test=THIRD, prose=short_test)
        q, v = ps.question(third.rng.randrange(len(ps.facts)))
        rows.append({"passage": ps.text, "question": q, "answer": v})
    write(path("test-third.jsonl"), rows)
    kept = [f for f in world_facts() if not contradictable(f)]
    rows = []
    while len(rows) < 500:
        f = tests.rng.choice(kept)
        r = world_passage(tests, f, True, short_test)
        rows.append({"input": r["input"], "answer": r["output"].strip(), "usual": f[3]})
    write(path("test-contradict.jsonl"), rows)


if __name__ == "__main__":
    main()

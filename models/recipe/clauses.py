"""Statements and questions put together from a grammar and a dictionary, so that hardly two of them are worded alike.

A clause has a verb, a subject, perhaps an object and prepositional phrases. The thing asked about ({n}) stands in one of them, alone or
inside a longer phrase ("the r of {n}", "the r behind {n}"); the value ({v}) in another. From the same clause come statements (plain, passive,
fronted, cleft, relative, participle, parenthesis, field, …) and questions (the value's phrase becomes who, what, where, which so-and-so,
under whose …), with other tenses, helpers, adverbs, and here and there a synonym. What a question shares with its statement is the name,
mostly a word or two, and the kind of thing that would answer it.

HELD shapes and one word in ten are kept for a dev set: how well wordings are read that no training row has.
"""
import re
import zlib

IRREGULAR = {a: (b, c) for a, b, c in (x.split() for x in """
be was been;have had had;do did done;say said said;make made made;see saw seen;know knew known;come came come;take took taken;get got got;give gave given;
find found found;think thought thought;tell told told;become became become;leave left left;feel felt felt;bring brought brought;begin began begun;keep kept kept;
hold held held;write wrote written;stand stood stood;hear heard heard;let let let;mean meant meant;set set set;meet met met;run ran run;pay paid paid;sit sat sat;
speak spoke spoken;lie lay lain;lead led led;read read read;grow grew grown;lose lost lost;fall fell fallen;send sent sent;build built built;understand understood understood;
draw drew drawn;break broke broken;spend spent spent;cut cut cut;rise rose risen;drive drove driven;buy bought bought;wear wore worn;choose chose chosen;
seek sought sought;throw threw thrown;catch caught caught;deal dealt dealt;win won won;forget forgot forgotten;lay laid laid;sell sold sold;fight fought fought;
teach taught taught;eat ate eaten;sing sang sung;strike struck struck;hang hung hung;shake shook shaken;ride rode ridden;feed fed fed;shoot shot shot;drink drank drunk;
hit hit hit;arise arose arisen;fly flew flown;spread spread spread;sleep slept slept;cost cost cost;beat beat beaten;bear bore borne;bind bound bound;hide hid hidden;
swim swam swum;wake woke woken;blow blew blown;steal stole stolen;shut shut shut;hurt hurt hurt;burst burst burst;swing swung swung;cast cast cast;tear tore torn;
lend lent lent;bite bit bitten;sweep swept swept;swear swore sworn;forgive forgave forgiven;freeze froze frozen;dig dug dug;shine shone shone;sink sank sunk;
stick stuck stuck;split split split;spring sprang sprung;bend bent bent;flee fled fled;weave wove woven;breed bred bred;slide slid slid;creep crept crept;
overcome overcame overcome;undertake undertook undertaken;withdraw withdrew withdrawn;undergo underwent undergone;put put put;show showed shown;quit quit quit;ring rang rung;
spin spun spun;foresee foresaw foreseen;withhold withheld withheld;bid bid bid;grind ground ground;go went gone""".replace("\n", "").split(";"))}

VOWELS = "aeiou"
DOUBLED = set("stop plan drop slip rub rob beg trap grab fit ship trim hug mix".split()) - {"mix"}


def third(v):
    if v in ("have", "be", "do", "go"):
        return {"have": "has", "be": "is", "do": "does", "go": "goes"}[v]
    if v.endswith(("s", "x", "z", "ch", "sh")):
        return v + "es"
    return v[:-1] + "ies" if v.endswith("y") and v[-2] not in VOWELS else v + "s"


def ed(v):
    if v.endswith("e"):
        return v + "d"
    if v.endswith("y") and v[-2] not in VOWELS:
        return v[:-1] + "ied"
    if v in DOUBLED or len(v) == 3 and v[-1] in "bdgmnpt" and v[-2] in VOWELS and v[-3] not in VOWELS:
        return v + v[-1] + "ed"
    return v + "ed"


def past(v):
    return IRREGULAR[v][0] if v in IRREGULAR else ed(v)


def done(v):
    return IRREGULAR[v][1] if v in IRREGULAR else ed(v)


def ing(v):
    if v.endswith("ie"):
        return v[:-2] + "ying"
    if v.endswith("e") and not v.endswith(("ee", "ye", "oe")) and v != "be":
        return v[:-1] + "ing"
    if v in DOUBLED or len(v) == 3 and v[-1] in "bdgmnpt" and v[-2] in VOWELS and v[-3] not in VOWELS:
        return v + v[-1] + "ing"
    return v + "ing"


def plural(n):
    if n in ("man", "woman"):
        return n[:-2] + "en"
    if n.endswith(("s", "x", "z", "ch", "sh")):
        return n + "es"
    return n[:-1] + "ies" if n.endswith("y") and n[-2] not in VOWELS else n + "s"


def an(word):
    return ("an " if word[0] in VOWELS else "a ") + word


def held_word(word):
    return zlib.crc32(("clause " + word).encode()) % 10 == 0


HELD_STATEMENTS = {"it_is", "whoever", "done_first", "one_who", "colon_last", "not_but", "thanks"}
HELD_QUESTIONS = {"in_place", "fill", "which_of", "wonder"}

PLACE_PREPS = "in at near from to through beyond around toward behind outside inside by off past".split()
ANY_PREPS = "with for by from to against under over after before behind beside without through about on like among near at toward beyond around above below in into upon".split()
NEAR_PREPS = "of of of of for in from behind on with at before under around near inside beside to".split()
AUX = ("will", "must", "can", "may", "should", "would", "might", "could", "used to", "wants to", "has to", "tends to", "hopes to", "begins to", "likes to", "came to", "got to",
       "is said to", "is known to", "is bound to", "was seen to", "appears to", "seems to", "has begun to", "is about to", "was allowed to", "never fails to", "is glad to")
COPULAS = ("is", "is", "is", "was", "was", "has been", "will be", "became", "has become", "stays", "must be", "may be", "had been", "is called", "was called", "is named",
           "proved to be", "happens to be", "came to be", "is believed to be", "is said to have been", "used to be", "is none other than", "is simply", "is once again", "would be",
           "is officially", "counts as", "could only be", "ended up as", "was declared", "was meant to be", "looks like", "means", "will always be", "should be", "cannot but be")
UNITS = "coins houses members years miles steps rooms pages days boats pounds people trees windows horses bells chairs stairs workers copies".split()
WHO = {"person": ("man", "woman", "person", "one", "figure", "character"), "place": ("place", "town", "city", "village", "spot", "location", "area", "region"),
       "land": ("land", "country", "realm", "state", "region", "part of the world", "nation"), "thing": ("thing", "object", "item", "stuff", "goods", "article", "material"),
       "firm": ("firm", "company", "business", "house", "employer", "enterprise"), "color": ("color", "shade", "hue", "tint", "paint"),
       "job": ("job", "trade", "profession", "craft", "work", "role", "calling"), "day": ("day", "weekday", "day of the week"), "spot": ("spot", "room", "place", "corner", "part of the house"),
       "animalname": ("name", "animal", "creature", "pet", "beast"), "tongue": ("language", "tongue", "speech", "dialect"), "rivername": ("river", "stream", "water", "creek", "current"),
       "year": ("year",), "number": ("number", "figure", "amount", "count", "sum"), "code": ("code", "number", "mark", "sign", "label", "key")}
KINDS = ("person " * 22 + "place " * 14 + "land " * 4 + "thing " * 18 + "number " * 12 + "year " * 6 + "code " * 5 + "color " * 4 + "job " * 6 + "day " * 4 + "spot " * 5 + "firm " * 5 +
         "animalname " * 2 + "tongue " * 3 + "rivername " * 2).split()


class Words:
    """the dictionary, less one word in ten (or with nothing else, for the dev set)"""

    def __init__(self, lexicon, held):
        keep = lambda w: held_word(w) == held
        self.same = {}
        self.noun, self.people, self.verb, self.adj, self.adv = [], [], [], [], []
        for w, topic, same in lexicon["noun"]:
            if keep(w) and w not in ("i", "one", "number"):
                (self.people if topic == 18 else self.noun).append(w)
                self.same[w] = [s for s in same if keep(s)][:3]
        for w, _, same in lexicon["verb"]:
            if keep(w) and w not in ("be", "have", "do", "let", "put", "can", "wan"):
                self.verb.append(w)
                self.same[w] = [s for s in same if keep(s)][:3]
        self.adj = [w for w, _, _ in lexicon["adj"] if keep(w)]
        self.adv = [w for w, _, _ in lexicon["adv"] if keep(w) and w not in ("not", "never", "how", "why", "where", "when")]
        self.manner = [w for w in self.adv if w.endswith("ly")] or self.adv


class Clause:
    """One relation between {n} and {v} and everything that can be said and asked with it. Forms are strings with {n} and {v}."""

    def __init__(self, rng, words, kind, subject_is_person, held=False, other=None):
        self.rng, self.w, self.kind, self.held, self.other = rng, words, kind, held, other
        self.person = subject_is_person
        self.verb = self.any_verb()
        self.noun = self.pick(words.noun if rng.random() < 0.8 else words.people)
        self.unit = rng.choice(UNITS) if rng.random() < 0.4 else plural(self.pick(words.noun))
        self.label = self.pick(words.people if kind == "person" else words.noun)  # "the baker {v}", asked as "which baker"
        self.titled = rng.random() < (0.15 if kind in ("person", "firm", "place", "thing", "animalname") else 0)
        # what goes where
        roles = ["noun"] * 5  # the r of n is v
        if kind in ("person", "thing", "firm", "animalname", "tongue", "rivername", "land", "place", "number"):
            roles += ["n_v"] * 4 + ["v_n"] * (4 if kind in ("person", "firm", "animalname", "rivername") else 1) + ["r_v", "v_r", "r_v"]
        roles += ["n_pv", "n_pv", "r_pv", "o_n_pv", "o_r_pv", "n_o_pv", "n_o_pv"] * (2 if kind in ("place", "land", "year", "day", "spot", "color", "code", "job") else 1)
        if kind in ("person", "thing", "firm", "number", "tongue"):
            roles += ["o_v_pn", "v_pn", "v_o_pn", "there"]
        self.role = rng.choice(roles)
        self.prep = self.prep_for_value()
        self.prep_n = rng.choice(ANY_PREPS)
        self.near = rng.choice(NEAR_PREPS)
        self.object = self.np()
        self.actor = rng.choice(("people", "they", "one", "everybody")) if rng.random() < 0.35 else self.np()
        self.plural_actor = self.actor in ("people", "they")
        self.tense = rng.choice(("now", "now", "past", "past", "aux", "has"))
        self.aux = rng.choice(AUX)
        self.extra = self.pp() if rng.random() < 0.15 else ""
        self.genitive = rng.random() < 0.25

    # --- words

    def pick(self, words):
        n = len(words)  # frequent words first, but any of them
        return words[int(n * self.rng.random() ** 2)] if self.rng.random() < 0.7 else self.rng.choice(words)

    def any_verb(self):
        return self.pick(self.w.verb)

    def np(self, person=None):
        rng, w = self.rng, self.w
        noun = self.pick(w.people if (rng.random() < 0.4 if person is None else person) else w.noun)
        adj = self.pick(w.adj) if rng.random() < 0.3 else ""
        x = rng.random()
        if x < 0.5:
            return "the " + (adj + " " if adj else "") + noun
        if x < 0.7:
            return an((adj + " " if adj else "") + noun)
        if x < 0.85:
            return (rng.choice(("many ", "all ", "few ", "", "", "no ", "some ", "most ")) + (adj + " " if adj else "") + plural(noun)).strip()
        return rng.choice(("every ", "this ", "his ", "her ", "our ", "its ", "their ", "that ")) + noun

    def pp(self):
        return self.rng.choice(ANY_PREPS) + " " + self.np()

    def similar(self, word):
        same = self.w.same.get(word)
        return self.rng.choice(same) if same and self.rng.random() < 0.35 else word

    # --- phrases

    def prep_for_value(self):
        rng = self.rng
        return {"place": rng.choice(PLACE_PREPS), "land": rng.choice(PLACE_PREPS), "year": rng.choice(("in", "in", "since", "until", "before", "after", "around", "by")),
                "day": rng.choice(("on", "on", "every", "until", "by", "since")), "spot": rng.choice(("in", "in", "behind", "under", "near", "beside", "from", "at")),
                "color": rng.choice(("in", "as")), "job": rng.choice(("as", "as", "like", "for", "with")), "code": rng.choice(("under", "as", "with", "by", "at"))}.get(
                    self.kind) or rng.choice(ANY_PREPS)

    def value(self, prep=False):
        """{v} as it stands in a sentence"""
        rng, k = self.rng, self.kind
        if k == "job":
            return "a {v}" if rng.random() < 0.8 else "the {v}"
        if k == "spot":
            return "the {v}"
        if k == "rivername":
            return "the {v}" if rng.random() < 0.6 else "the river {v}"
        if k == "number":
            return "{v}" if self.role == "noun" else "{v} " + self.unit
        if k == "code":
            return rng.choice(("{v}", "the code {v}", "number {v}")) if not prep else rng.choice(("{v}", "code {v}", "the code {v}"))
        if k == "year":
            return rng.choice(("{v}", "{v}", "the year {v}")) if not prep or self.prep in ("in", "by") else "{v}"
        if self.titled:
            return rng.choice((f"the {self.label} {{v}}", f"{self.pick(self.w.adj)} {{v}}" if k == "person" else f"the {self.label} {{v}}", f"the {self.label} called {{v}}", f"{an(self.label)} named {{v}}"))
        if rng.random() < 0.05 and k in ("person", "firm", "place"):
            return rng.choice(("{v} itself" if k != "person" else "{v} himself", "only {v}", "just {v}", "even {v}", "{v} alone", "{v} too"))
        return "{v}"

    def name(self, bare=False):
        """{n}, bare or with something behind it"""
        rng = self.rng
        if bare or rng.random() < 0.88:
            return "{n}"
        who = "who" if self.person else "which"
        x = rng.random()
        if x < 0.4:
            return f"{{n}}, {who} {self.predicate()},"
        if x < 0.7:
            return f"{{n}}, {self.np(self.person)},"
        if x < 0.85:
            return f"{{n}} ({self.np()})"
        return f"{{n}}, {done(self.any_verb())} by {self.np()},"

    def predicate(self):
        rng = self.rng
        x = rng.random()
        v = self.any_verb()
        if x < 0.5:
            return f"{rng.choice((third, past))(v)} {self.np()}"
        if x < 0.7:
            return f"{rng.choice((third, past))(v)} {self.pp()}"
        if x < 0.85:
            return f"is {self.pick(self.w.adj)}"
        return f"was {done(v)} {self.pp()}"

    def owned(self, noun, n=None):
        """the r of {n}"""
        n = n or "{n}"
        if self.genitive and n == "{n}":
            return f"{{n}}'s {noun}"
        return f"the {noun} {self.near} {n}"

    def verbed(self, verb, tense=None, many=False, aux=None):
        """the verb in the clause's tense"""
        rng = self.rng
        tense = tense or self.tense
        if tense == "now":
            out = verb if many else third(verb)
        elif tense == "past":
            out = past(verb)
        elif tense == "has":
            out = ("have " if many else "has ") + done(verb)
        else:
            a = aux or self.aux
            if many:
                a = a.replace("is ", "are ", 1).replace("was ", "were ", 1).replace("has ", "have ", 1).replace("wants", "want").replace("tends", "tend").replace("hopes", "hope") \
                    .replace("begins", "begin").replace("likes", "like").replace("appears", "appear").replace("seems", "seem").replace("fails", "fail")
            out = a + " " + verb
        if rng.random() < 0.15:
            out = rng.choice(self.w.manner) + " " + out
        return out

    def be(self, many=False, tense=None):
        tense = tense or self.tense
        return {"now": "are" if many else "is", "past": "were" if many else "was", "has": "have been" if many else "has been", "aux": self.rng.choice(("will be", "must be", "can be", "could be", "was soon", "is often", "gets", "got"))}[tense]

    # --- the clause as (subject, verb, object, [phrases]); each phrase a string; V marks where the value is

    def parts(self, verb, noun, bare=False):
        """(subject, verb, many, object, phrases, where): where is s, o or p: the part that holds the value"""
        r, n, v = self.role, self.name(bare), self.value
        own = self.owned(noun, n if n != "{n}" else None)
        pv = f"{self.prep} {v(True)}"
        pn = f"{self.prep_n} {n}"
        one = {"n_v": (n, False, v(), [], "o"), "v_n": (v(), self.kind == "number", n, [], "s"), "r_v": (own, False, v(), [], "o"), "v_r": (v(), self.kind == "number", own, [], "s"),
               "n_pv": (n, False, "", [pv], "p"), "r_pv": (own, False, "", [pv], "p"), "n_o_pv": (n, False, self.object, [pv], "p"),
               "o_n_pv": (self.actor, self.plural_actor, n, [pv], "p"), "o_r_pv": (self.actor, self.plural_actor, own, [pv], "p"),
               "o_v_pn": (self.actor, self.plural_actor, v(), [pn], "o"), "v_pn": (v(), self.kind == "number", "", [pn], "s"), "v_o_pn": (v(), self.kind == "number", self.object, [pn], "s")}[r]
        return (one[0], verb, *one[1:])

    def statement(self):
        for _ in range(20):
            out = self.one_statement()
            if out and out.count("{n}") >= 1 and out.count("{v}") == 1:
                return out
        return "{n} " + third(self.verb) + " {v}." if self.role != "noun" else f"The {self.noun} of {{n}} is {{v}}."

    def shape(self, shapes, held):
        while True:
            s = self.rng.choice(shapes)
            if self.held or s not in held:
                if not self.held or self.rng.random() < 0.4 or s in held or not any(x in held for x in shapes):
                    return s

    def one_statement(self):
        if self.role == "noun":
            return self.noun_statement()
        rng = self.rng
        if self.role == "there":
            v = self.value()
            s = self.shape(("there", "front", "colon_last", "has"), HELD_STATEMENTS)
            be = rng.choice(("is", "was", "has been", "stands", "will be", "lives" if self.kind == "person" else "lies", "remains no one but" if self.kind == "person" else "is only"))
            return {"there": f"There {be} {v} {self.prep_n} {{n}}.",
                    "front": self.cap(f"{self.prep_n} {{n}} there {be} {v}."), "colon_last": self.cap(f"{self.prep_n} {{n}} only one thing counts: {v}."),
                    "has": f"{{n}} has {v} {rng.choice(('with', 'near', 'before', 'behind', 'beside'))} {rng.choice(('it', 'it', 'them'))}."}[s]
        verb, noun = self.verb, self.noun
        subj, verb, many, obj, pps, where = self.parts(verb, noun)
        extra = [self.extra] if self.extra and rng.random() < 0.7 else []
        if rng.random() < 0.06:
            extra.append(self.pp())
        tail = pps + extra if rng.random() < 0.8 else extra + pps
        adv = " " + rng.choice(self.w.adv) if rng.random() < 0.1 else ""
        vb = self.verbed(verb, many=many)
        who = "who" if ("{v}" in subj and self.kind == "person" or "{n}" in subj and self.person) else "that"
        shapes = ["plain"] * 9
        if obj and self.role not in ("n_o_pv",):
            shapes += ["passive"] * 3
        if tail:
            shapes += ["front"] * 2
        shapes += ["it_is", "what", "relative", "relative", "paren", "if", "not_but", "list", "report", "while", "reason", "dash"]
        if where == "s":
            shapes += ["one_who", "one_who", "done_first", "thanks"]
        if where == "o":
            shapes += ["object_that", "whoever", "colon_last", "not_but"]
        if where == "p":
            shapes += ["it_is", "place_where", "done_first"]
        s = self.shape(shapes, HELD_STATEMENTS)
        rest = " ".join(x for x in [obj] + tail if x)
        plain = f"{subj} {vb} {rest}{adv}"
        if s == "plain":
            return self.cap(plain + ".")
        if s == "passive":
            passive = f"{obj} {self.be(obj.endswith('s') and '{' not in obj)} {done(verb)}"
            by = f" by {subj}" if subj not in ("one", "people", "they", "everybody") or where == "s" else ""
            bits = [by.strip()] + tail if rng.random() < 0.6 or where == "s" else tail
            if rng.random() < 0.3:
                bits = bits[::-1]
            if bits and bits[0] and rng.random() < 0.15:
                return self.cap(f"{bits[0]}, {passive} {' '.join(x for x in bits[1:] if x)}".rstrip() + ".")
            return self.cap(f"{passive} {' '.join(x for x in bits if x)}".rstrip() + adv + ".")
        if s == "front":
            first, others = tail[0], [obj] + tail[1:]
            return self.cap(f"{first}{rng.choice((',', ''))} {subj} {vb} {' '.join(x for x in others if x)}".rstrip() + ".")
        if s == "it_is":
            if where == "s":
                return self.cap(f"it {rng.choice(('is', 'was'))} {subj} {rng.choice(('who', 'that'))} {vb} {rest}.")
            if where == "o":
                return self.cap(f"it {rng.choice(('is', 'was'))} {obj} that {subj} {vb} {' '.join(tail)}".rstrip() + ".")
            return self.cap(f"it {rng.choice(('is', 'was'))} {pps[0]} that {subj} {vb} {obj}".rstrip() + ".")
        if s == "what":
            if where == "s":
                return self.cap(f"the {rng.choice((self.head(), 'first ' + self.head(), 'only ' + self.head(), 'last ' + self.head()))} to {verb} {rest} is {subj}.")
            if where == "o":
                return self.cap(f"what {subj} {vb} {' '.join(tail)}".rstrip() + f" is {obj}.")
            return self.cap(f"the {self.head()} {self.prep} which {subj} {vb} {obj}".rstrip() + f" is {self.value()}.")
        if s == "one_who":
            return self.cap(f"the {rng.choice(('one', self.head(), self.label))} {rng.choice(('who', 'that'))} {vb} {rest} is {subj}.")
        if s == "object_that":
            return self.cap(f"the {rng.choice((self.head(), self.label))} {rng.choice(('that', 'which', ''))} {subj} {vb} {' '.join(tail)}".rstrip().replace("  ", " ") + f" {rng.choice(COPULAS[:12])} {obj}.")
        if s == "place_where":
            return self.cap(f"the {rng.choice((self.head(), self.label))} {rng.choice((self.prep + ' which', 'where' if self.kind in ('place', 'land', 'spot') else self.prep + ' which'))} {subj} {vb} {obj}".rstrip() + f" {rng.choice(COPULAS[:12])} {self.value()}.")
        if s == "whoever":
            return self.cap(f"{rng.choice(('whoever', 'everyone who', 'all who'))} {self.verbed(self.any_verb(), 'past')} {self.np()} {rng.choice(('knows', 'heard', 'saw'))} that {plain}.")
        if s == "relative":
            if "{v}" in subj and self.kind in ("person", "firm", "animalname", "place"):
                return self.cap(f"{subj}, {'who' if self.kind == 'person' else 'which'} {self.predicate()}, {vb} {rest}.") if rng.random() < 0.5 else self.cap(
                    f"{subj}, {'who' if self.kind == 'person' else 'which'} {vb} {rest}, {self.predicate()}.")
            if subj == "{n}":
                return self.cap(f"{{n}}, {'who' if self.person else 'which'} {vb} {rest}, {self.predicate()}.")
            return self.cap(f"{self.np(True)} who {past(self.any_verb())} {self.np()} {rng.choice(('says', 'knows', 'told us', 'believes', 'wrote', 'remembers', 'noticed'))} that {plain}.")
        if s == "paren":
            return self.cap(f"{subj} ({self.np() if rng.random() < 0.5 else self.predicate()}) {vb} {rest}.") if rng.random() < 0.5 else self.cap(f"{plain} ({self.predicate()}).")
        if s == "if":
            lead = rng.choice((f"if {self.np()} {third(self.any_verb())} {self.np()}", f"when {self.np()} {past(self.any_verb())}", f"after {self.np()} {past(self.any_verb())} {self.np()}",
                               f"because {self.np()} {self.predicate()}", f"although {self.np()} {self.predicate()}", f"since {self.np()} {self.predicate()}", f"before {self.np()} {past(self.any_verb())}",
                               f"as {self.np()} {past(self.any_verb())}", f"until {self.np()} {past(self.any_verb())}", f"{ing(self.any_verb())} {self.np()}"))
            return self.cap(f"{lead}, {plain}.") if rng.random() < 0.6 else self.cap(f"{plain}{rng.choice((',', ''))} {lead}.")
        if s == "not_but":
            w = self.other or self.np()
            x = rng.random()
            return self.cap(f"{plain}, not {w}." if x < 0.4 else f"not {w} but {plain}." if x < 0.5 else f"{plain} rather than {w}." if x < 0.8 else f"{plain}, and {w} {rng.choice(('does not', 'never did', 'will not', 'did not'))}.")
        if s == "list":
            return self.cap(f"{plain}{rng.choice((', ', '; ', ' and ', ', and ', ', but ', ' while ', ': ', ' - ', ', so '))}{self.np()} {self.predicate()}.") if rng.random() < 0.6 else self.cap(
                f"{self.np()} {self.predicate()}{rng.choice((', and ', '; ', ', but ', ' while ', ', so ', ': ', ' - '))}{plain}.")
        if s == "report":
            x = rng.random()
            said = rng.choice(("says", "said", "claims", "wrote", "believes", "thinks", "told us", "reports", "noted", "swears", "recalls", "found", "discovered", "admits", "explains", "hopes", "doubts", "denies"))
            src = self.np()
            return self.cap(f"{src} {said} that {plain}." if x < 0.5 else f"{plain}, {src} {said}." if x < 0.8 else f"{plain}, according to {src}.")
        if s == "while":
            return self.cap(f"{rng.choice(('while', 'whenever', 'whereas', 'even though', 'now that', 'once', 'just as'))} {plain}, {self.np()} {self.predicate()}.")
        if s == "reason":
            return self.cap(f"{plain} {rng.choice(('because', 'although', 'so that', 'since', 'until', 'when', 'as', 'before', 'after', 'for'))} {self.np()} {self.predicate()}.")
        if s == "dash":
            d = rng.choice((" - ", ", ", " -- "))
            return self.cap(f"{subj}{d}{rng.choice((self.np(), 'so ' + self.np() + ' says', 'as ' + self.np() + ' ' + past(self.any_verb()), 'in short', 'of course', 'it seems', 'we hear', self.pp(), 'to be sure', 'as usual'))}{d}{vb} {rest}.")
        if s == "colon_last":
            return self.cap(f"{subj} {vb} {' '.join(tail)}".rstrip() + f" this: {obj}.")
        if s == "done_first":
            if where == "s" and obj:
                return self.cap(f"{done(verb)} by {subj}, {obj} {self.predicate()}.")
            if where == "p" and subj:
                return self.cap(f"{ing(verb)} {rest}, {subj} {self.predicate()}.")
            return None
        if s == "thanks":
            return self.cap(f"{rng.choice(('thanks to', 'with the help of', 'if not for', 'because of'))} {subj}, {obj or self.prep_n + ' {n}'} {self.be()} {done(verb)}.") if obj else None
        raise ValueError(s)

    def head(self):
        return self.rng.choice(WHO[self.kind])

    def cap(self, text):
        text = re.sub(r" ?,+([,.;:?])", r"\1", re.sub(r"  +", " ", text)).replace(" .", ".")
        return text[:1].upper() + text[1:]

    def noun_statement(self):
        rng, r = self.rng, self.noun
        if rng.random() < 0.2:
            r = self.pick(self.w.adj) + " " + r
        own, v, cop = self.owned(r, self.name() if rng.random() < 0.5 else None), self.value(), rng.choice(COPULAS)
        adv = rng.choice(self.w.adv) + " " if rng.random() < 0.12 else ""
        shapes = ["is"] * 6 + ["v_is"] * 5 + ["has", "has_as", "with", "verb_as", "verb_as", "field", "field2", "paren", "apposed", "apposed2", "serves", "for_n", "it_is", "whose", "whose", "when_asked", "verbs_r",
                           "verbs_r", "rel_r", "as_r", "no_other", "known", "list", "colon_last", "one_who", "not_but", "took", "of_all", "front_n", "chain"]
        s = self.shape(shapes, HELD_STATEMENTS)
        vb, vb2, np = self.any_verb(), self.any_verb(), self.np()
        n = self.name()
        the = rng.choice(("the ", "the ", "a ", "its " if not self.person else "his ", "one "))
        tail = " " + self.pp() if rng.random() < 0.15 else ""
        out = {
            "is": lambda: f"{own} {adv}{cop} {v}{tail}.",
            "v_is": lambda: f"{v} {adv}{cop} {own}{tail}.",
            "has": lambda: f"{n} {adv}{rng.choice(('has', 'had', 'owns', 'keeps', 'needs', 'got', 'wants', 'uses', 'found', 'shows', 'gives', 'takes'))} {rng.choice(('the ', 'a ', 'as ', 'for ', 'its '))}{r} {v}{tail}.",
            "has_as": lambda: f"{n} {self.verbed(vb)} {v} as {rng.choice(('', the))}{r}{tail}.",
            "with": lambda: f"with {v} {rng.choice(('as', 'for'))} {rng.choice(('', the))}{r}, {n} {self.predicate()}.",
            "verb_as": lambda: f"{v} {self.verbed(vb)} {rng.choice(('as ', 'like ', 'for '))}{own}{tail}.",
            "field": lambda: f"{r} of {{n}}{rng.choice((': ', ' - ', ' = ', ' -> '))}{v}.",
            "field2": lambda: f"{{n}}{rng.choice((', ', ': ', ' - ', '; '))}{r}{rng.choice((': ', ' ', ' = ', ' - '))}{v}.",
            "paren": lambda: f"{{n}} ({rng.choice(('with ', '', 'the '))}{r}{rng.choice((': ', ' ', ' is '))}{v}) {self.predicate()}.",
            "apposed": lambda: f"{v}, {own}, {self.predicate()}.",
            "apposed2": lambda: f"{own}, {v}, {self.predicate()}.",
            "serves": lambda: f"{v} {self.verbed(vb)} {{n}} as {rng.choice(('', the))}{r}{tail}.",
            "for_n": lambda: f"{rng.choice(('for', 'to', 'with', 'in', 'at', 'as for', 'about', 'regarding', 'among', 'by', 'concerning', 'of'))} {{n}}{rng.choice((', ', ' ', ': '))}the {r} {adv}{cop} {v}{tail}.",
            "it_is": lambda: f"it {rng.choice(('is', 'was'))} {v} that {rng.choice((third, past))(vb)} {own}.",
            "whose": lambda: f"{{n}}, whose {r} {cop} {v}, {self.predicate()}." if rng.random() < 0.6 else f"{np} {past(vb)} {{n}}, whose {r} {cop} {v}.",
            "when_asked": lambda: f"{rng.choice(('asked', 'questioned', 'pressed', 'when asked', 'if asked', 'speaking'))} about {rng.choice(('the', 'a'))} {r}, {{n}} {rng.choice(('named', 'said', 'answered', 'pointed to', 'mentioned', 'replied with', 'chose', 'whispered'))} {v}.",
            "verbs_r": lambda: f"{own} {self.verbed(vb)} {v}{tail}." if rng.random() < 0.5 else f"{v} {self.verbed(vb)} {own}{tail}.",
            "rel_r": lambda: f"the {r} that {{n}} {self.verbed(vb)} {cop} {v}{tail}." if rng.random() < 0.5 else f"the {r} that {self.verbed(vb)} {{n}} {cop} {v}{tail}.",
            "as_r": lambda: f"as {rng.choice(('', the))}{r}, {rng.choice((f'{{n}} {self.verbed(vb)} {v}', f'{v} {self.verbed(vb)} {{n}}'))}{tail}.",
            "no_other": lambda: f"no {r} {rng.choice(('but', 'except', 'other than', 'besides', 'save'))} {v} {self.verbed(vb)} {{n}}{tail}.",
            "known": lambda: f"{v} is {rng.choice(('known', 'listed', 'counted', 'seen', 'praised', 'named', 'given', 'recorded', 'used', 'regarded', 'kept', 'feared'))} {rng.choice(('as', 'as', 'like'))} {own}{tail}.",
            "list": lambda: f"{own} {cop} {v}{rng.choice((', and ', '; ', ', but ', ' and ', ': '))}{np} {self.predicate()}.",
            "colon_last": lambda: f"{n} has {rng.choice(('one', 'a', 'this', 'but one'))} {r}: {v}.",
            "one_who": lambda: f"what {{n}} calls the {r} is {v}.",
            "not_but": lambda: f"{own} {cop} {v}, not {self.other or np}." if rng.random() < 0.5 else f"{own} is not {self.other or np} but {v}.",
            "took": lambda: f"{n} {rng.choice(('took', 'chose', 'picked', 'received', 'accepted', 'lost', 'met', 'won', 'bought', 'met with', 'ended with', 'began with'))} {v} {rng.choice(('as', 'for'))} {rng.choice(('', the))}{r}{tail}.",
            "of_all": lambda: f"of all {plural(r)}, {{n}} {self.verbed(vb)} {v}{tail}.",
            "front_n": lambda: f"{self.prep_n} {{n}}, {v} {adv}{cop} the {r}{tail}.",
            "chain": lambda: f"{v} {rng.choice((third, past))(vb)} {np} and {cop} {own}." if rng.random() < 0.5 else f"{own} {rng.choice((third, past))(vb)} {np} and {cop} {v}.",
        }[s]()
        return self.cap(out)

    # --- questions

    def question(self):
        for _ in range(20):
            q = self.one_question()
            if q and "{n}" in q and "{v}" not in q:
                return q
        return f"What is the {self.noun} of {{n}}?"

    def which(self):
        """what the value is asked for with, as the head of a question: who, which baker, how many stairs"""
        rng, k = self.rng, self.kind
        if k == "number":
            return rng.choice((f"how many {self.unit}", f"how many {self.unit}", f"what number of {self.unit}", f"which number of {self.unit}")) if self.role != "noun" else rng.choice(("what", "which number", "how much"))
        noun = self.label if (self.titled or rng.random() < 0.12) else self.head()
        plain = {"person": ("who",) * 3}.get(k, ("what",) * 2)
        return rng.choice(plain + (f"which {noun}", f"what {noun}"))

    def question_lead(self, inner_order, inner_inverted):
        """direct, or inside another question"""
        rng = self.rng
        if rng.random() < 0.8:
            return self.cap(inner_inverted + "?")
        return rng.choice((f"Tell me {inner_order}.", f"Do you know {inner_order}?", f"Say {inner_order}.", f"Can you see {inner_order}?", f"I ask {inner_order}.", f"Please state {inner_order}.",
                           f"Could you say {inner_order}?", f"Find out {inner_order}.", f"Is it clear {inner_order}?", f"Write down {inner_order}."))

    def inverted(self, subj, verb, many):
        """(helper, rest) for questions that do not ask for the subject"""
        t = self.tense if self.rng.random() < 0.8 else self.rng.choice(("now", "past"))
        if t == "now":
            return ("do" if many else "does"), verb
        if t == "past":
            return "did", verb
        if t == "has":
            return ("have" if many else "has"), done(verb)
        first, _, rest = self.aux.partition(" ")
        if first in ("will", "must", "can", "may", "should", "would", "might", "could"):
            return first, verb
        return ("do" if many else "does"), verb

    def one_question(self):
        rng = self.rng
        if self.role == "noun":
            return self.noun_question()
        if self.role == "there":
            wh, be = self.which(), rng.choice(("is", "was", "is there", "stands", "can be found"))
            return self.cap(rng.choice((f"{wh} {be} {self.prep_n} {{n}}?", f"{self.prep_n} {{n}} there is {wh}?", f"{wh} is it that {be} {self.prep_n} {{n}}?")))
        verb, noun = self.similar(self.verb), self.similar(self.noun)
        subj, verb, many, obj, pps, where = self.parts(verb, noun, bare=rng.random() < 0.95)
        pps = [p for p in pps if "{v}" not in p]
        if self.extra and rng.random() < 0.35:
            pps.append(self.extra)
        rest = " ".join(pps)
        wh = self.which()
        vb = self.verbed(verb, self.tense if rng.random() < 0.8 else rng.choice(("now", "past")))
        shapes = {"s": ["subject"] * 6 + ["by_whom"] * 3, "o": ["object"] * 6 + ["passive"] * 3, "p": ["prep"] * 4 + ["strand"] * 3 + ["where"] * 3}[where] + ["in_place", "fill", "which_of", "wonder", "name_it", "cleft"]
        s = self.shape(shapes, HELD_QUESTIONS)
        if where == "s":
            ordered = f"{wh} {vb} {' '.join(x for x in [obj, rest] if x)}".rstrip()
            if s == "subject":
                return self.question_lead(ordered, ordered)
            if s == "by_whom" and obj:
                by = "by " + ("whom" if wh == "who" else wh)
                tense = rng.choice(("is", "was", "is", "was", "has"))
                helper, p = ("has", "been " + done(verb)) if tense == "has" else (tense, done(verb))
                return self.question_lead(f"{by} {obj} {helper} {p} {rest}".rstrip(), f"{by} {helper} {obj} {p} {rest}".rstrip())
            if s == "name_it":
                return rng.choice(("Name", "Give", "State", "Find", "Identify", "Point out")) + f" the {rng.choice((self.head(), self.label if self.titled else self.head()))} that {ordered[len(wh) + 1:]}."
            if s == "cleft":
                return self.cap(f"{wh} {rng.choice(('is it', 'was it'))} that {ordered[len(wh) + 1:]}?")
            if s == "fill":
                return f"Fill in: ___ {ordered[len(wh) + 1:]}."
            if s == "which_of":
                return self.cap(f"the one that {ordered[len(wh) + 1:]} is {wh if wh != 'who' else 'called what'}?")
            if s == "wonder":
                return f"I wonder {ordered}."
            if s == "in_place":
                return self.cap(f"{ordered[len(wh) + 1:]}: {wh}?")
            return None
        helper, vrest = self.inverted(subj, verb, many)
        whom = "whom" if wh == "who" and rng.random() < 0.7 else wh
        if where == "o":
            order = f"{wh} {subj} {vb} {rest}".rstrip()
            if s == "object":
                return self.question_lead(order, f"{whom} {helper} {subj} {vrest} {rest}".rstrip())
            if s == "passive":
                by = f" by {subj}" if subj not in ("one", "people", "they", "everybody") else ""
                be = rng.choice(("is", "was")) if not wh.startswith("how many") else rng.choice(("are", "were"))
                bits = [x for x in ((by.strip(), rest) if rng.random() < 0.5 else (rest, by.strip())) if x]
                text = f"{wh} {be} {done(verb)} {' '.join(bits)}".rstrip()
                return self.question_lead(text, text)
            if s == "name_it":
                return rng.choice(("Name", "Give", "State", "Find", "Identify", "Point out")) + f" the {self.head() if not self.titled else self.label} that {order[len(wh) + 1:]}."
            if s == "cleft":
                return self.cap(f"{wh} {rng.choice(('is it', 'was it'))} that {order[len(wh) + 1:]}?")
            if s == "fill":
                return self.cap(f"{subj} {vb} ___ {rest}".rstrip() + ".")
            if s == "which_of":
                return self.cap(f"what {order[len(wh) + 1:]} is called what?")
            if s == "wonder":
                return f"I wonder {order}."
            return self.cap(f"{subj} {vb} {wh if wh != 'who' else 'whom'} {rest}".rstrip() + "?")
        prep = self.prep
        oo = " ".join(x for x in [obj, rest] if x)
        wp = "whom" if wh == "who" else wh
        if self.kind == "day" and prep in ("every", "since", "until", "by"):
            prep = "on"
        if self.kind in ("year",) and rng.random() < 0.5:
            wp = "which year"
        asks = f"{prep} {wp}"
        if s == "where" or self.kind in ("year", "day") and rng.random() < 0.3:
            if self.kind in ("place", "land", "spot"):
                asks = "where" + rng.choice(("", "", " exactly"))
            elif self.kind in ("year", "day"):
                asks = rng.choice(("when", "when", "since when", "at what time"))
        order, inv = f"{asks} {subj} {vb} {oo}".rstrip(), f"{asks} {helper} {subj} {vrest} {oo}".rstrip()
        if s in ("prep", "where"):
            if obj and "{n}" in obj and rng.random() < 0.5:  # passive
                be = rng.choice(("is", "was", "is", "was", "will"))
                p = ("be " if be == "will" else "") + done(verb)
                return self.question_lead(f"{asks} {obj} {be} {p} {rest}".rstrip(), f"{asks} {be} {obj} {p} {rest}".rstrip())
            return self.question_lead(order, inv)
        if s == "strand":
            return self.cap(f"{wh} {helper} {subj} {vrest} {oo} {prep}?".replace("  ", " ")) if rng.random() < 0.7 else self.cap(f"{wh} is it {prep} which {subj} {vb} {oo}".rstrip() + "?")
        if s == "name_it":
            return rng.choice(("Name", "Give", "State", "Find", "Identify", "Point out")) + f" the {self.head()} {prep} which {subj} {vb} {oo}".rstrip() + "."
        if s == "cleft":
            return self.cap(f"{asks} {rng.choice(('is it', 'was it'))} that {subj} {vb} {oo}".rstrip() + "?")
        if s == "fill":
            return self.cap(f"{subj} {vb} {obj} {prep} ___".replace("  ", " ") + ".")
        if s == "which_of":
            return self.cap(f"the {self.head()} {prep} which {subj} {vb} {oo}".rstrip() + " is which?")
        if s == "wonder":
            return f"I wonder {order}."
        return self.cap(f"{subj} {vb} {oo} {asks}".replace("  ", " ") + "?")

    def noun_question(self):
        rng = self.rng
        r = self.similar(self.noun)
        wh = rng.choice({"person": ("who", "who", "what", "which person"), "number": ("what", "what", "how much", "which number"), "year": ("what", "when", "which year"),
                         "place": ("what", "where", "which place", "which town"), "land": ("what", "where", "which land")}.get(self.kind, ("what", "what", "what", f"which {self.head()}")))
        own = self.owned(r) if rng.random() < 0.75 else rng.choice((f"the {r} of {{n}}", f"{{n}}'s {r}", f"the {r} for {{n}}", f"the {r} {self.near} {{n}}"))
        vb = self.any_verb()
        s = self.shape(["is"] * 6 + ["which_r", "which_r", "have_as", "have_as", "name", "short", "tell", "tell", "serve", "call", "about", "regard", "in_place", "fill", "which_of", "wonder", "said"], HELD_QUESTIONS)
        be = rng.choice(("is", "is", "was", "may be", "will be", "has been", "became", "could be"))
        first, _, rest = be.partition(" ")
        rest = " " + rest if rest else ""
        if be == "became":
            direct = f"{wh} became {own}?"
        else:
            direct = f"{wh} {first} {own}{rest}?"
        out = {
            "is": lambda: direct,
            "which_r": lambda: f"{rng.choice(('which', 'what'))} {r} {rng.choice(('does {n} have', 'did {n} have', 'has {n}', 'is there for {n}', 'belongs to {n}', 'goes with {n}', 'did {n} get', f'does {{n}} {vb}', 'is that of {n}'))}?",
            "have_as": lambda: f"{wh} {rng.choice(('does', 'did', 'will', 'can', 'would'))} {{n}} {rng.choice(('have', 'use', 'take', 'choose', 'need', 'want', 'name', vb, 'call'))} {rng.choice(('as ', 'for ', 'as a ', 'as its '))}{r}?",
            "name": lambda: f"{rng.choice(('name', 'give', 'state', 'find', 'mention', 'look up', 'write', 'read out', 'spell out', 'recall'))} {own}.",
            "short": lambda: f"{own}?",
            "tell": lambda: rng.choice((f"tell me {wh} {own} {be}.", f"do you know {wh} {own} {be}?", f"can you say {wh} {own} {be}?", f"is it said {wh} {own} {be}?", f"we ask {wh} {own} {be}.", f"please find {own}.")),
            "serve": lambda: f"{wh} {rng.choice(('serves', 'acts', 'works', 'was chosen', 'is known', 'is given', 'is named', third(vb)))} as {own}?",
            "call": lambda: f"{rng.choice(('what', 'how'))} {rng.choice(('is', 'was'))} {own} {rng.choice(('called', 'named', 'known as', 'described'))}?",
            "about": lambda: f"{rng.choice(('what about', 'how about', 'and', 'now for', 'what of'))} {own}?",
            "regard": lambda: f"{rng.choice(('for', 'with', 'in the case of', 'about', 'as regards', 'with regard to'))} {{n}}, {wh} {first if first != 'became' else 'is'} the {r}{rest}?",
            "in_place": lambda: f"{own} {be} {wh}?",
            "fill": lambda: f"{own} {be} ___.",
            "which_of": lambda: f"if I look for {own}, what do I find?",
            "wonder": lambda: f"I wonder {wh} {own} {be}.",
            "said": lambda: f"{wh} is said to be {own}?",
        }[s]()
        return self.cap(out)


def form(text):
    """lower-case words with slots blanked, to compare forms"""
    return re.sub(r"\W+", " ", re.sub(r"\{\w+\}", "_", text)).lower().strip()


# --- real sentences as forms ---------------------------------------------------------------------------

PRONOUNS = {"He": True, "She": True, "I": True, "They": None, "We": None, "It": False}
DETERMINERS = set("the a an his her their its my our this that some".split())
PREPS = set(ANY_PREPS + PLACE_PREPS + ["of", "across", "along", "during", "until", "since"])
SMALL = DETERMINERS | PREPS | set("not too so now here there up down out off away back again".split())
BE = {"is", "was", "are", "were"}
MODALS = {"will", "would", "can", "could", "must", "should", "may", "might"}
TURNED = {"his": "its", "her": "its", "my": "its", "our": "its", "their": "its", "I": "it", "me": "it", "we": "it", "us": "them"}


def real_relations(sentences, lexicon):
    """sentences of the dictionary with a pronoun or a plain noun before the verb and a noun phrase at their end:
    [(subject is a person, before the verb, helper, verb, lemma, middle, whole subject)]"""
    lemma = {}
    for v, _, _ in lexicon["verb"]:
        for f in (third(v), past(v), v):
            lemma.setdefault(f, v)
    for w in BE:
        lemma.pop(w, None)
    nouns = {w for w, _, _ in lexicon["noun"]}
    out = []
    for s in sentences:
        words = s.rstrip(".").split()
        if not 4 <= len(words) <= 12 or not re.fullmatch(r"[A-Za-z' -]+\.", s):
            continue
        if words[0] in PRONOUNS:
            at, person = 1, PRONOUNS[words[0]]
        elif words[0] in ("The", "His", "Her", "A", "My", "Our", "Their") and words[1] in nouns and len(words) > 4:
            at, person = 2, None
        else:
            continue
        own = words[0] in ("His", "Her", "My", "Our", "Their")
        subject = words[1] if at == 2 else ""
        helper, verb = "", words[at]
        if verb in BE | MODALS and len(words) > at + 2:
            helper, verb = verb, words[at + 1]
            at += 1
            if helper in BE and not (verb.endswith(("ed", "ing", "en")) or verb in {c for _, c in IRREGULAR.values()}):
                continue
            if helper in MODALS and verb not in lemma:
                continue
            helper = {"are": "is", "were": "was"}.get(helper, helper)
        elif verb not in lemma:
            continue
        rest = words[at + 1:]
        # the last noun phrase: a determiner and one or two words, at the end
        cut = next((i for i in (len(rest) - 2, len(rest) - 3) if 0 <= i and rest[i] in DETERMINERS and rest[-1] not in SMALL), None)
        if cut is None and rest and rest[-1] in nouns | {"him", "her", "me", "us"} and (len(rest) == 1 or rest[-2] in PREPS):
            cut = len(rest) - 1
        if cut is None:
            continue
        middle = " ".join(TURNED.get(w, w) for w in rest[:cut])
        if rest[:cut] and rest[cut - 1] in ("to", "not", "and", "or", "than") and len(rest[:cut]) > 1 and rest[cut - 1] != "to":
            continue
        out.append((person, subject, own, helper, verb, lemma.get(verb, verb), middle, " ".join(rest[cut:])))
    return out


class Real(Clause):
    """A clause made from a real sentence: its verb with what belongs to it."""

    def __init__(self, rng, words, kind, subject_is_person, relation, held=False, other=None):
        super().__init__(rng, words, kind, subject_is_person, held, other)
        _, self.subject, own, self.helper, self.form, self.verb, self.middle, self.last = relation
        self.role = "n_v"
        self.titled = False
        self.turned = rng.random() < 0.3 and not self.subject  # the value before the verb, the name at the end
        self.own = bool(self.subject) and (own or rng.random() < 0.7)
        if self.subject and not self.own:
            self.own = True

    def finite(self):
        if self.helper:
            return self.helper + " " + self.form
        return third(self.verb) if self.form == self.verb and past(self.verb) != self.verb else self.form

    def one_statement(self):
        rng = self.rng
        v, n = self.value(), self.name()
        subj, end = (v, n) if self.turned else (self.owned(self.subject) if self.own else n, v)
        pre = self.middle.split()[-1] if self.middle and self.middle.split()[-1] in PREPS else ""
        verb = self.finite()
        if rng.random() < 0.1:
            verb = rng.choice(self.w.adv) + " " + verb
        plain = f"{subj} {verb} {self.middle} {end}".replace("  ", " ")
        s = self.shape(["plain"] * 6 + ["front"] * (2 if pre else 0) + ["passive"] * (3 if not self.helper and not self.middle else 0) + ["list", "list", "report", "if", "it_is", "relative", "tail", "tail", "not_but"],
                       HELD_STATEMENTS)
        if s == "plain":
            return self.cap(plain + ".")
        if s == "front":
            return self.cap(f"{pre} {end}{rng.choice((',', ''))} {subj} {verb} {' '.join(self.middle.split()[:-1])}".rstrip() + ".")
        if s == "passive":
            return self.cap(f"{end} {rng.choice(('is', 'was', 'has been'))} {done(self.verb)} by {subj}.")
        if s == "list":
            return self.cap(f"{plain}{rng.choice((', ', '; ', ' and ', ', and ', ', but ', ' while '))}{self.np()} {self.predicate()}.") if rng.random() < 0.5 else self.cap(
                f"{self.np()} {self.predicate()}{rng.choice((', and ', '; ', ', but ', ' while '))}{plain}.")
        if s == "report":
            return self.cap(f"{self.np()} {rng.choice(('says', 'thinks', 'wrote', 'noticed', 'told us', 'forgot', 'heard', 'insists', 'proved', 'agreed'))} that {plain}.")
        if s == "if":
            return self.cap(f"{rng.choice(('when', 'if', 'because', 'although', 'as', 'before', 'once'))} {self.np()} {self.predicate()}, {plain}.")
        if s == "it_is":
            return self.cap(f"it was {(pre + ' ' + end).strip()} that {subj} {verb} {' '.join(self.middle.split()[:-1]) if pre else self.middle}".rstrip() + ".")
        if s == "relative":
            return self.cap(f"{self.np()} {past(self.any_verb())} {subj}, {'who' if self.person else 'which'} {verb} {self.middle} {end}.".replace("  ", " ")) if not self.own else self.cap(plain + f", which {self.predicate()}.")
        if s == "not_but":
            return self.cap(f"{plain}, not {self.other or self.np()}.")
        return self.cap(f"{plain} {rng.choice((self.pp(), rng.choice(self.w.adv), 'to ' + self.any_verb() + ' ' + self.np(), 'and ' + self.predicate(), 'with ' + self.np()))}.")

    def one_question(self):
        rng = self.rng
        wh = self.which()
        similar = self.similar(self.verb) if not self.helper else self.verb
        n = "{n}"
        words = self.middle.split()
        if self.turned:
            verb = self.finite() if similar == self.verb else past(similar) if self.form == past(self.verb) else third(similar)
            ordered = f"{wh} {verb} {self.middle} {n}".replace("  ", " ")
            if not self.helper and not self.middle and rng.random() < 0.3:
                by = "by " + ("whom" if wh == "who" else wh)
                return self.cap(f"{by} {rng.choice(('is', 'was'))} {n} {done(similar)}?")
            if rng.random() < 0.1:
                return f"{rng.choice(('Name', 'Give', 'Find'))} the {self.head()} that {ordered[len(wh) + 1:]}."
            return self.question_lead(ordered, ordered)
        subj = self.owned(self.subject) if self.own else n
        if self.helper:
            helper, rest = self.helper, self.form
        else:
            helper, rest = ("did" if self.form == past(self.verb) else "does"), similar
        whom = "whom" if wh == "who" and rng.random() < 0.6 else wh
        verb = self.finite() if similar == self.verb else past(similar) if helper == "did" else third(similar)
        if words and words[-1] in PREPS and rng.random() < 0.5:
            ask, middle = words[-1] + " " + ("whom" if wh == "who" else wh), " ".join(words[:-1])
            if self.kind in ("place", "land", "spot") and words[-1] in ("in", "at", "on", "into", "to", "from", "near") and rng.random() < 0.5:
                ask = "where"
        else:
            ask, middle = whom, self.middle
            if self.kind in ("place", "land", "spot", "year", "day") and words and words[-1] in PREPS and rng.random() < 0.4:
                ask, middle = ("when" if self.kind in ("year", "day") else "where"), " ".join(words[:-1])
        order, inv = f"{ask} {subj} {verb} {middle}".strip(), f"{ask} {helper} {subj} {rest} {middle}".strip()
        s = self.shape(["direct"] * 6 + ["passive", "name", "cleft", "in_place", "fill", "which_of", "wonder"], HELD_QUESTIONS)
        if s == "passive" and not self.helper and not self.middle:
            return self.cap(f"{wh} {rng.choice(('is', 'was'))} {done(similar)} by {subj}?")
        if s == "name":
            return f"{rng.choice(('Name', 'Give', 'Find', 'State'))} the {self.head()} {'that ' + order[len(ask) + 1:] if ask == whom else ask.split()[0] + ' which ' + order[len(ask) + 1:] if ' ' in ask else 'where ' + order[len(ask) + 1:]}."
        if s == "cleft":
            return self.cap(f"{ask} {rng.choice(('is it', 'was it'))} that {order[len(ask) + 1:]}?")
        if s == "in_place":
            return self.cap(f"{subj} {verb} {middle} {ask}?".replace("  ", " "))
        if s == "fill":
            return self.cap(f"{subj} {verb} {self.middle} ___.".replace("  ", " "))
        if s == "wonder":
            return f"I wonder {order}."
        return self.question_lead(order, inv)

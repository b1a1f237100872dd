#!/usr/bin/env python3
"""Makes the two example tasks beside this file. Everything in them is invented.

    python3 examples/generate.py            writes questions/ and routing/ (same seed, same bytes)
    python3 examples/generate.py --check    also proves: the committed files are what this program
                                            writes, train and eval share no row, and no name or
                                            template is shared with the embedded model's recipe

questions/  documents about a valley that does not exist; a question is about one fact of one
            document. A fact asked in eval.jsonl is never asked in train.jsonl, and eval uses its own
            wordings, so whoever answers has to find and read; there is nothing to memorise.
routing/    messages to the support desk of a shop, to be routed to one of six desks. eval.jsonl is
            built from sentences that no train row uses.

Only the Python standard library is used.
"""
import argparse
import json
import os
import random
import re
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 20261122

# --- names: compound words; the recipe of the embedded model builds its names from other parts -----

PLACES = """Brackenfold Sallowmere Thistlecombe Ruddlestow Quernbeck Hollinshaw Marrowdale Tansyford
Cobblewick Fernhythe Larkspire Oxgarth""".split()
RIVERS = "Withywater Skellbrook Dunnockburn Mirefleet Heronsike Alderlode".split()
FIRST = """Hesper Tamsin Corwin Lettice Ambrose Petronel Jocosa Merrick Ysolde Barnaby Clemence Osbert
Philippa Gideon Rosamund Thurstan Averil Crispin Damaris Eustace Linnet Percival""".split()
SURNAMES = """Hawksworth Pennyquick Underhay Lovibond Fairweather Nightingale Sheepshanks Winterbourne
Gotobed Makepeace Drinkwater Golightly Thistlethwaite Rainbird Catchpole Honeychurch Wagstaff
Larkrise Treadgold Ravenscroft Merryweather Whitelock""".split()
COLORS = "crimson teal ochre mauve ivory turquoise maroon lilac".split()
MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


class Names:
    """Hands out people without repeating any."""

    def __init__(self, rng):
        people = [f"{a} {b}" for a in FIRST for b in SURNAMES]
        rng.shuffle(people)
        self.people = people

    def person(self):
        return self.people.pop()


# --- kinds of document: title pool, distractors, facts ---------------------------------------------
# A fact is (key, values, statements, questions for train, questions for eval).
# {n} is the subject, {v} the value.

KINDS = {
    "village": {
        "titles": PLACES[:8],
        "about": ["Visitors like to say that time runs more slowly there.",
                  "Rain comes up the slope in the afternoon, and nobody minds it much.",
                  "The lanes are narrow, so carts are left at the gate.",
                  "On clear evenings the smoke stands straight above the roofs.",
                  "A bench by the pump is where news is passed on."],
        "facts": [
            ("river", RIVERS, ["{n} stands on the bank of the {v}.", "The {v} runs through the middle of {n}."],
             ["On which river does {n} stand?", "Which river runs through {n}?"],
             ["What is the river at {n} called?"]),
            ("mayor", "person", ["The mayor of {n} is {v}.", "{v} has been mayor of {n} for three terms."],
             ["Who is the mayor of {n}?", "Who holds the office of mayor in {n}?"],
             ["What is the name of {n}'s mayor?"]),
            ("people", "count", ["The last count found {v} people living in {n}.", "{n} is home to {v} people."],
             ["How many people live in {n}?", "How many people did the last count find in {n}?"],
             ["What is the population of {n}?"]),
            ("product", ["blue cheese", "clay pipes", "wool blankets", "pear cider", "bell ropes", "beeswax candles",
                         "oak barrels", "salted trout"],
             ["{n} is known far away for its {v}.", "Most families in {n} make {v}."],
             ["What is {n} known for?", "What do most families in {n} make?"],
             ["Which product has made {n} known?"]),
            ("market", DAYS, ["The market of {n} is held on {v}.", "Every {v} the stalls of {n} open before sunrise."],
             ["On which day is the market of {n} held?", "On which day do the stalls of {n} open?"],
             ["Which day is market day in {n}?"]),
            ("founded", "year", ["{n} was founded in {v}.", "A charter of {v} is the first paper that names {n}."],
             ["When was {n} founded?", "Which year does the first paper naming {n} bear?"],
             ["In what year did {n} come into being?"]),
            ("tower", "metres", ["The tower of {n} is {v} metres high.", "With {v} metres, the tower is the tallest thing in {n}."],
             ["How many metres high is the tower of {n}?", "How high is the tower in {n}?"],
             ["What height in metres does {n}'s tower reach?"]),
        ]},
    "workshop": {
        "titles": ["Pennant Works", "Lantern Yard", "Copperkettle Forge", "Threadneedle Mill", "Goosefeather Press",
                   "Kingpost Joinery", "Hourglass Foundry", "Saltbox Pottery"],
        "about": ["Customers may watch from the gallery as long as they keep quiet.",
                  "Nothing is thrown away; offcuts become toys.",
                  "A bell rings when an order leaves the yard.",
                  "The roof was mended twice and still leaks over the stairs.",
                  "Apprentices sweep the floor before anything else."],
        "facts": [
            ("founder", "person", ["{n} was started by {v}.", "It was {v} who opened {n}."],
             ["Who started {n}?", "Who opened {n}?"], ["Which person is the founder of {n}?"]),
            ("year", "year", ["Work at {n} began in {v}.", "{n} opened its doors in {v}."],
             ["When did work at {n} begin?", "When did {n} open its doors?"], ["Since which year has {n} been running?"]),
            ("makes", ["weather vanes", "loom shuttles", "door hinges", "chess boards", "milk churns", "sundials",
                       "tin whistles", "garden gates"],
             ["{n} makes {v}.", "What leaves {n} is mostly {v}."],
             ["What does {n} make?", "What mostly leaves {n}?"], ["Which goods come from {n}?"]),
            ("staff", "small", ["{v} people work at {n}.", "{n} employs {v} people."],
             ["How many people work at {n}?", "How many people does {n} employ?"], ["What is the number of workers at {n}?"]),
            ("village", PLACES, ["{n} is in {v}.", "The buildings of {n} lie at the edge of {v}."],
             ["In which village is {n}?", "At the edge of which village does {n} lie?"], ["Where would one look for {n}?"]),
            ("color", COLORS, ["The sign of {n} is {v}.", "Every crate from {n} is painted {v}."],
             ["What colour is the sign of {n}?", "What colour are the crates from {n}?"], ["Which colour stands for {n}?"]),
            ("supplier", "person", ["Raw material for {n} is brought by {v}.", "{v} supplies {n}."],
             ["Who supplies {n}?", "Who brings raw material to {n}?"], ["From whom does {n} get its material?"]),
        ]},
    "inn": {
        "titles": ["the Drowsy Badger", "the Silver Plough", "the Crooked Chimney", "the Laughing Heron",
                   "the Three Thimbles", "the Mossy Anchor", "the Patient Ox", "the Upturned Bucket"],
        "about": ["Guests wipe their boots, or they hear about it.", "The fire is lit from the first frost on.",
                  "Cards are allowed, singing is encouraged.", "Breakfast ends when the bread does.",
                  "A map of the valley hangs over the counter."],
        "facts": [
            ("keeper", "person", ["{n} is kept by {v}.", "The keeper of {n} is called {v}."],
             ["Who keeps {n}?", "What is the keeper of {n} called?"], ["Who runs {n}?"]),
            ("rooms", "small", ["{n} has {v} rooms.", "There are {v} rooms to let at {n}."],
             ["How many rooms does {n} have?", "How many rooms are to let at {n}?"], ["What is the number of rooms in {n}?"]),
            ("dish", ["leek pie", "barley soup", "smoked eel", "plum dumplings", "mutton stew", "nettle pancakes",
                      "roast pike", "onion tart"],
             ["The dish that everybody orders at {n} is {v}.", "{n} is praised for its {v}."],
             ["Which dish does everybody order at {n}?", "For which dish is {n} praised?"], ["What should one eat at {n}?"]),
            ("closed", DAYS, ["{n} is closed on {v}.", "On {v} nobody is served at {n}."],
             ["On which day is {n} closed?", "On which day is nobody served at {n}?"], ["When does {n} stay shut?"]),
            ("village", PLACES, ["{n} stands in {v}.", "Travellers find {n} at the far end of {v}."],
             ["In which village does {n} stand?", "At the far end of which village is {n}?"], ["Where is {n}?"]),
            ("dog", ["Biscuit", "Captain", "Pepper", "Duchess", "Button", "Thunder", "Marble", "Crumb"],
             ["The dog that sleeps at the door of {n} is called {v}.", "{v} is the old dog of {n}."],
             ["What is the dog of {n} called?", "What is the name of the old dog of {n}?"],
             ["Which name does the dog at {n} answer to?"]),
            ("price", "small", ["A night at {n} costs {v} shillings.", "One pays {v} shillings for a bed at {n}."],
             ["How many shillings does a night at {n} cost?", "How many shillings is a bed at {n}?"],
             ["What does one pay in shillings to sleep at {n}?"]),
        ]},
    "bridge": {
        "titles": ["Beggars' Bridge", "Wedding Bridge", "Millstone Bridge", "Pilgrim Bridge", "Cattle Bridge",
                   "Lamplighter Bridge", "Gallows Bridge", "Otter Bridge"],
        "about": ["Boys fish from it, and sometimes catch something.", "Heavy loads have to wait until the frost is gone.",
                  "It has been drawn by every painter who passed.", "Swallows nest under the second pier.",
                  "At night a lamp burns on the eastern side."],
        "facts": [
            ("river", RIVERS, ["{n} crosses the {v}.", "The water under {n} is the {v}."],
             ["Which river does {n} cross?", "Which water flows under {n}?"], ["What river is spanned by {n}?"]),
            ("built", "year", ["{n} was built in {v}.", "The last stone of {n} was laid in {v}."],
             ["When was {n} built?", "When was the last stone of {n} laid?"], ["In what year was {n} finished?"]),
            ("builder", "person", ["{n} was designed by {v}.", "The plans for {n} were drawn by {v}."],
             ["Who designed {n}?", "Who drew the plans for {n}?"], ["Which person planned {n}?"]),
            ("length", "metres", ["{n} is {v} metres long.", "It takes {v} metres of planks to cover {n}."],
             ["How many metres long is {n}?", "How many metres of planks cover {n}?"], ["What is the length of {n} in metres?"]),
            ("material", ["red brick", "granite", "larch wood", "cast iron", "sandstone", "slate", "oak beams", "limestone"],
             ["{n} is made of {v}.", "{v} was chosen for {n}."],
             ["What is {n} made of?", "Which material was chosen for {n}?"], ["From what was {n} constructed?"]),
            ("toll", ["a copper coin", "two eggs", "one candle", "a bundle of hay", "half a loaf", "three apples",
                      "a jug of milk", "a song"],
             ["The toll at {n} is {v}.", "Whoever crosses {n} gives {v}."],
             ["What is the toll at {n}?", "What does one give to cross {n}?"], ["How is passage over {n} paid?"]),
        ]},
    "festival": {
        "titles": ["the Lantern Walk", "the Goose Parade", "the Feast of Ladders", "the Snowdrop Fair", "the Night of Drums",
                   "the Barrel Race", "the Blessing of Boats", "the Scarecrow Ball"],
        "about": ["Shops close early and children stay up late.", "Nobody remembers why it began, and everybody has a theory.",
                  "The band plays the same nine tunes.", "Visitors sleep in barns when the beds run out.",
                  "A speech is held that nobody can hear."],
        "facts": [
            ("month", MONTHS, ["{n} takes place in {v}.", "Every {v} people gather for {n}."],
             ["In which month does {n} take place?", "In which month do people gather for {n}?"], ["When in the year is {n}?"]),
            ("village", PLACES, ["{n} is held in {v}.", "The home of {n} is {v}."],
             ["In which village is {n} held?", "Which village is the home of {n}?"], ["Where does {n} happen?"]),
            ("days", ["two", "three", "four", "five", "six", "seven", "eight", "nine"],
             ["{n} lasts {v} days.", "For {v} days nobody works because of {n}."],
             ["How many days does {n} last?", "For how many days does nobody work because of {n}?"], ["What is the length of {n} in days?"]),
            ("prize", ["a silver spoon", "a painted drum", "a fat goose", "a velvet hat", "a walnut chest", "a pair of skates",
                       "a brass horn", "a woven belt"],
             ["The winner of {n} gets {v}.", "The prize at {n} is {v}."],
             ["What does the winner of {n} get?", "What is the prize at {n}?"], ["Which prize can be won at {n}?"]),
            ("host", "person", ["{n} is led by {v}.", "Since last year {v} leads {n}."],
             ["Who leads {n}?", "Who has led {n} since last year?"], ["Under whose lead does {n} stand?"]),
            ("drink", ["elderflower punch", "hot perry", "mint cordial", "dark ale", "birch beer", "rosehip tea",
                       "spiced milk", "honey wine"],
             ["People drink {v} at {n}.", "{v} is poured at {n} until midnight."],
             ["What do people drink at {n}?", "What is poured at {n} until midnight?"], ["Which drink belongs to {n}?"]),
        ]},
    "line": {
        "titles": ["the Bluebell coach", "the Magpie coach", "the Clover coach", "the Foxglove coach", "the Kestrel ferry",
                   "the Marigold ferry", "the Pebble ferry", "the Juniper ferry"],
        "about": ["Parcels travel on the roof.", "In winter it may be late, in fog it waits.",
                  "Dogs ride free if they are dry.", "The timetable is painted on a board at the stop.",
                  "Regulars have their own seats, so ask first."],
        "facts": [
            ("from", PLACES, ["{n} starts in {v}.", "The first stop of {n} is {v}."],
             ["Where does {n} start?", "What is the first stop of {n}?"], ["From which village does {n} set out?"]),
            ("driver", "person", ["{n} is driven by {v}.", "At the front of {n} sits {v}."],
             ["Who drives {n}?", "Who sits at the front of {n}?"], ["Which person is in charge of {n}?"]),
            ("minutes", "small2", ["The whole way with {n} takes {v} minutes.", "{n} needs {v} minutes from end to end."],
             ["How many minutes does the whole way with {n} take?", "How many minutes does {n} need from end to end?"],
             ["How long in minutes is a ride on {n}?"]),
            ("fare", "small", ["A ticket for {n} costs {v} pence.", "{n} charges {v} pence."],
             ["How many pence does a ticket for {n} cost?", "How many pence does {n} charge?"], ["What is the fare of {n} in pence?"]),
            ("color", COLORS, ["{n} is painted {v}.", "One knows {n} by its {v} paint."],
             ["What colour is {n}?", "By what colour of paint does one know {n}?"], ["In which colour was {n} painted?"]),
            ("rest", DAYS, ["{n} does not run on {v}.", "{v} is the day on which {n} rests."],
             ["On which day does {n} not run?", "Which day does {n} rest?"], ["When is there no service of {n}?"]),
        ]},
    "person": {
        "titles": "person",
        "about": ["Letters are answered within a week, always in green ink.", "Neighbours speak well of the garden.",
                  "A portrait hangs in the hall, though the nose is wrong.", "Long walks are part of every day.",
                  "There is talk of a book, but nobody has seen a page."],
        "facts": [
            ("born", "year", ["{n} was born in {v}.", "The birth of {n} was recorded in {v}."],
             ["When was {n} born?", "When was the birth of {n} recorded?"], ["What is {n}'s year of birth?"]),
            ("home", PLACES, ["{n} grew up in {v}.", "The childhood home of {n} was in {v}."],
             ["Where did {n} grow up?", "In which village was the childhood home of {n}?"], ["In what place did {n} spend childhood?"]),
            ("job", ["clockmaker", "beekeeper", "surveyor", "midwife", "bookbinder", "ropemaker", "glazier", "farrier"],
             ["{n} works as a {v}.", "By trade {n} is a {v}."],
             ["What does {n} work as?", "What is {n} by trade?"], ["Which trade does {n} follow?"]),
            ("instrument", ["the fiddle", "the oboe", "the harp", "the bagpipes", "the lute", "the accordion", "the cello",
                            "the dulcimer"],
             ["In the evening {n} plays {v}.", "{n} learned to play {v} as a child."],
             ["What does {n} play in the evening?", "What did {n} learn to play as a child?"], ["Which instrument is played by {n}?"]),
            ("teacher", "person", ["{n} was taught by {v}.", "The teacher of {n} was {v}."],
             ["Who taught {n}?", "Who was the teacher of {n}?"], ["From whom did {n} learn?"]),
            ("animal", ["a tame raven", "two ferrets", "a blind mule", "a goat", "four tortoises", "a parrot", "an old mare", "six hens"],
             ["{n} keeps {v}.", "{v} can be seen in the yard of {n}."],
             ["What does {n} keep?", "What can be seen in the yard of {n}?"], ["Which animals belong to {n}?"]),
        ]},
}


def value(rng, pool, names):
    if pool == "person":
        return names.person()
    if pool == "year":
        return str(rng.randint(1610, 1959))
    if pool == "count":
        return str(rng.randint(210, 4900))
    if pool == "metres":
        return str(rng.randint(17, 94))
    if pool == "small":
        return str(rng.randint(4, 48))
    if pool == "small2":
        return str(rng.randint(49, 170))
    return rng.choice(pool)


def capital(text):
    return text[0].upper() + text[1:]


def questions(rng):
    """documents {name: text}, train rows, eval rows"""
    names = Names(rng)
    documents, train, evaluation, facts = {}, [], [], []
    for kind, spec in KINDS.items():
        titles = spec["titles"]
        if titles == "person":
            titles = [names.person() for _ in range(8)]
        for title in titles:
            sentences = []
            for key, pool, statements, ask_train, ask_eval in spec["facts"]:
                v = value(rng, pool, names)
                while v == title:
                    v = value(rng, pool, names)
                sentences.append(capital(rng.choice(statements).format(n=title, v=v)))
                facts.append((title, v, ask_train, ask_eval))
            rng.shuffle(sentences)
            for line in rng.sample(spec["about"], 3):
                sentences.insert(rng.randrange(1, len(sentences) + 1), line)
            slug = re.sub("[^a-z]+", "-", title.lower()).strip("-")
            half = (len(sentences) + 1) // 2
            documents[f"{kind}-{slug}.md"] = (f"# {capital(title)}\n\n" + " ".join(sentences[:half]) + "\n\n"
                                              + " ".join(sentences[half:]) + "\n")
    rng.shuffle(facts)
    held = len(facts) * 2 // 5
    for i, (title, v, ask_train, ask_eval) in enumerate(facts):
        if i < held:
            evaluation.append({"input": capital(rng.choice(ask_eval).format(n=title)), "output": v})
        else:
            for ask in ask_train:
                train.append({"input": capital(ask.format(n=title)), "output": v})
    rng.shuffle(train)
    return documents, train, evaluation


# --- routing ---------------------------------------------------------------------------------------

ITEMS = "kettle|toaster|desk lamp|rucksack|headphones|coffee grinder|raincoat|bookshelf|keyboard|office chair|blender|tent".split("|")
WHEN = "on Monday|last Friday|two days ago|this morning|a week ago|yesterday|at the weekend|over lunch".split("|")

ROUTES = {
    "billing": (
        ["I was charged twice for the {i}.", "My card was billed {w} although I cancelled.", "The invoice for the {i} shows the wrong amount.",
         "Why is there a fee on my statement?", "You took money from my bank account {w}.", "I need a receipt with the tax number for the {i}.",
         "The discount code did not lower the price.", "My payment was declined but the money is gone.", "Please send the invoice for the {i} again.",
         "The price on my bill is higher than in the shop.", "I want to pay by bank transfer instead of card.", "There is a charge I do not recognise."],
        ["The amount on my bill for the {i} is not what we agreed.", "Two payments left my bank for one {i}.", "Could I have an invoice made out to my company?",
         "My statement lists a fee from you that makes no sense.", "The voucher was accepted, yet the full price was charged.",
         "Your shop billed my old card {w}."]),
    "delivery": (
        ["My parcel has not arrived.", "The {i} should have been here {w}.", "The tracking number shows nothing.", "The courier left the box at the wrong door.",
         "When will the {i} be shipped?", "The driver never rang the bell.", "My package has been stuck at the depot since {w}.",
         "Can you deliver to a pick-up point?", "Half of my shipment is missing.", "I need the parcel sent to another address.",
         "The courier says the {i} was delivered, but it was not.", "How long does shipping take?"],
        ["Tracking says delivered, but no parcel is here.", "Has the {i} been shipped at all?", "The courier came {w} while I was out; when is the next try?",
         "My package went to the address of a neighbour.", "Is shipping to an island possible?", "The box with the {i} never reached me."]),
    "returns": (
        ["I want to send the {i} back.", "How do I return something I bought {w}?", "Please give me a refund for the {i}.", "The {i} is the wrong size, I want to exchange it.",
         "I need a return label.", "I changed my mind about the {i}.", "How many days do I have to return an item?", "I sent the {i} back {w} and wait for my refund.",
         "Can I swap the {i} for another colour?", "It does not suit me, so I am sending it back.", "Where do I drop off a return?",
         "You exchanged the wrong item."],
        ["What must I do to give the {i} back?", "A refund was promised {w} and has not come.", "The {i} is too small, can it be exchanged?",
         "Please mail me a label so that I can return it.", "I would like to swap what I ordered {w}.", "Is it too late to send the {i} back for a refund?"]),
    "account": (
        ["I cannot log in.", "I forgot my password.", "Please change the e-mail on my account.", "The reset link does not come.", "My account is locked since {w}.",
         "How do I delete my profile?", "I no longer have the phone for the login code.", "Someone else signed in to my account.", "I want to change my user name.",
         "The site says that my password is wrong.", "Please merge my two accounts.", "How do I turn off the newsletter in my profile?"],
        ["After the reset my new password is not accepted.", "Somebody logged in as me {w}.", "I want my profile and all data deleted.",
         "My login was locked after three tries.", "A different e-mail should be used for signing in.", "The code for the login never reaches my phone."]),
    "technical": (
        ["The {i} does not switch on.", "My {i} stopped working {w}.", "The {i} makes a loud noise.", "A part of the {i} broke off.", "How do I connect the {i}?",
         "The screen stays black after the update.", "The battery is empty after an hour.", "The {i} gets very hot.", "Which screws fit the {i}?",
         "The manual of the {i} is not clear.", "A button on the {i} is stuck.", "The app crashes whenever I open it."],
        ["Since {w} the {i} will not start.", "There is a strange noise from the {i} and it gets hot.", "The app stopped working after the update.",
         "How is the {i} put together? The manual does not say.", "A screw and a button of the {i} are broken.", "The battery of the {i} does not hold."]),
    "praise": (
        ["Thank you, the {i} is wonderful.", "Your staff were so kind {w}.", "Best shop I know.", "I am very happy with the {i}.", "Great service, well done.",
         "I just want to say that I love the {i}.", "Everything was perfect.", "You made my day {w}.", "I will recommend you to my friends.",
         "What a lovely surprise in the box.", "Five stars from me.", "Keep up the good work."],
        ["I love it, thank you so much.", "Well done, the best {i} I ever had.", "My friends will hear how kind you were {w}.",
         "Such great staff, everything was perfect.", "I am so happy that I chose you.", "A lovely {i} and wonderful service."]),
}
OPEN = ["Hello,", "Hi there,", "Good morning,", "Dear team,", "", "", "Excuse me,"]
CONTEXT = ["I bought the {i} {w}.", "I am a customer since spring.", "This is the second time I write.", "My order was placed {w}.", "I paid by card {w}.",
           "The parcel came {w}.", "I wrote from my account.", "", "", "", ""]
CLOSE = ["Please help.", "Thanks.", "Best wishes", "I look forward to your answer.", "", "", "Please call me back."]
OPEN_EVAL = ["Greetings,", "To whom it may concern,", "", "Hey,"]
CONTEXT_EVAL = ["It is about the {i} I ordered {w}.", "I have shopped here for years.", "I was told {w} to write here.", "", ""]
CLOSE_EVAL = ["What can be done?", "Regards", "", "Kindly reply."]


def message(rng, problem, opens, contexts, closes):
    item, when = rng.choice(ITEMS), rng.choice(WHEN)
    parts = [rng.choice(opens), rng.choice(contexts), problem, rng.choice(closes)]
    return " ".join(p.format(i=item, w=when) for p in parts if p)


def routing(rng):
    train, evaluation, seen = [], [], set()
    for label, (for_train, for_eval) in ROUTES.items():
        for problems, rows, count, frames in ((for_train, train, 100, (OPEN, CONTEXT, CLOSE)),
                                              (for_eval, evaluation, 30, (OPEN_EVAL, CONTEXT_EVAL, CLOSE_EVAL))):
            made = 0
            while made < count:
                text = message(rng, problems[made % len(problems)], *frames)
                if text not in seen:
                    seen.add(text)
                    rows.append({"input": text, "output": label})
                    made += 1
    rng.shuffle(train)
    rng.shuffle(evaluation)
    return train, evaluation


# --- task files ------------------------------------------------------------------------------------

TASKS = {
    "questions/task.yaml": """\
# Questions about the documents in docs/. The answer is a short span of one document.
task: valley-questions
kind: answer
model: ../../models/frugal-tiny.gguf
data: {train: train.jsonl, eval: eval.jsonl, documents: docs/}
metric: exact-match
target: 0.60                   # chosen before any model was trained: a person then checks the rest
stop: target
place: {zone: FR}
hosting: sleeps
requests_per_day: 1000
horizon_days: 365
""",
    "routing/task.yaml": """\
# Messages to a support desk, to be routed to one of six desks.
task: support-routing
kind: label
model: ../../models/frugal-tiny.gguf
data: {train: train.jsonl, eval: eval.jsonl}
metric: accuracy
target: 0.80                   # chosen before any model was trained
stop: target
place: {zone: FR}
hosting: sleeps
requests_per_day: 1000
horizon_days: 365
""",
}


def jsonl(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def files():
    """{relative path: content} of everything this program writes"""
    documents, q_train, q_eval = questions(random.Random(SEED))
    r_train, r_eval = routing(random.Random(SEED + 1))
    out = {f"questions/docs/{name}": text for name, text in documents.items()}
    out["questions/train.jsonl"], out["questions/eval.jsonl"] = jsonl(q_train), jsonl(q_eval)
    out["routing/train.jsonl"], out["routing/eval.jsonl"] = jsonl(r_train), jsonl(r_eval)
    out.update(TASKS)
    return out


def forms():
    """every sentence form used here, with its slots blanked: what must not be shared with the recipe"""
    texts = []
    for spec in KINDS.values():
        texts += spec["about"]
        for _, _, statements, ask_train, ask_eval in spec["facts"]:
            texts += statements + ask_train + ask_eval
    for for_train, for_eval in ROUTES.values():
        texts += for_train + for_eval
    texts += CONTEXT + CONTEXT_EVAL
    return {blank(t) for t in texts if t}


def blank(template):
    return re.sub(r"\W+", " ", re.sub(r"\{\w+\}", "_", template)).lower().strip()


def proper_names():
    """every invented name, in single words"""
    words = set(PLACES + RIVERS + FIRST + SURNAMES)
    for spec in KINDS.values():
        if spec["titles"] != "person":
            for title in spec["titles"]:
                words.add(title)
    return words


def check():
    made = files()
    for name, text in made.items():
        with open(os.path.join(HERE, name), encoding="utf-8") as f:
            assert f.read() == text, f"{name} is not what generate.py writes"
    for task in ("questions", "routing"):
        rows = [[json.loads(line) for line in made[f"{task}/{part}.jsonl"].splitlines()] for part in ("train", "eval")]
        inputs = [{row["input"] for row in part} for part in rows]
        assert not inputs[0] & inputs[1], f"{task}: a row stands in train and in eval"
    asked = [{(t, o) for t, o in ((row["input"], row["output"]) for row in map(json.loads, made[f"questions/{p}.jsonl"].splitlines()))}
             for p in ("train", "eval")]
    assert not asked[0] & asked[1]
    recipe = os.path.join(HERE, "..", "models", "recipe")
    if os.path.exists(os.path.join(recipe, "generate.py")):
        sys.path.insert(0, recipe)
        import generate as model_recipe  # the recipe of the embedded model
        shared = forms() & model_recipe.forms()
        assert not shared, f"forms shared with the model's recipe: {sorted(shared)[:5]}"
        for name in sorted(proper_names()):
            assert not model_recipe.may_generate_name(name), f"the model's recipe can make the name {name}"
        print("examples and the model's recipe share no name and no form")
    print(f"{len(made)} files are as generated")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--check", action="store_true", help="compare, write nothing; exit status 1 when something is shared")
    args = p.parse_args()
    if args.check:
        try:
            check()
        except AssertionError as e:
            sys.exit(f"examples: {e}")
        return
    for name, text in files().items():
        path = os.path.join(HERE, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(path), delete=False, encoding="utf-8") as f:
            f.write(text)
        os.chmod(f.name, 0o644)
        os.replace(f.name, path)


if __name__ == "__main__":
    main()

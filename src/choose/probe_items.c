#include "choose/probe_items.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"

static const char *const NAMES[] = { "Mira",  "Tobin", "Anselm", "Greta", "Ruben", "Ilka",
                                     "Jonas", "Petra", "Selma",  "Arvid", "Nora",  "Emil" };
static const char *const THINGS[] = { "lamp",   "basket", "kettle", "ladder", "violin", "saddle",
                                      "wallet", "mirror", "anchor", "barrel", "candle", "hammer" };
static const char *const PLACES[] = { "harbour", "mill",  "station", "library",
                                      "market",  "attic", "bakery",  "garden" };
static const char *const COLOURS[] = { "red", "blue", "green", "yellow", "white", "black" };

/* Words and days that everybody learns first. Letters as they are written there. */
static const struct {
    const char *code, *name;
    const char *words[10];
    const char *days[7];
} LANGUAGES[] = {
    { "en",
      "English",
      { "water", "house", "dog", "bread", "sun", "hand", "book", "night", "milk", "tree" },
      { "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday" } },
    { "de",
      "German",
      { "Wasser", "Haus", "Hund", "Brot", "Sonne", "Hand", "Buch", "Nacht", "Milch", "Baum" },
      { "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag" } },
    { "fr",
      "French",
      { "eau", "maison", "chien", "pain", "soleil", "main", "livre", "nuit", "lait", "arbre" },
      { "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche" } },
    { "es",
      "Spanish",
      { "agua", "casa", "perro", "pan", "sol", "mano", "libro", "noche", "leche", "árbol" },
      { "lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo" } },
    { "it",
      "Italian",
      { "acqua", "casa", "cane", "pane", "sole", "mano", "libro", "notte", "latte", "albero" },
      { "lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica" } },
    { "pt",
      "Portuguese",
      { "água", "casa", "cão", "pão", "sol", "mão", "livro", "noite", "leite", "árvore" },
      { "segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado",
        "domingo" } },
    { "nl",
      "Dutch",
      { "water", "huis", "hond", "brood", "zon", "hand", "boek", "nacht", "melk", "boom" },
      { "maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag" } },
    { "sv",
      "Swedish",
      { "vatten", "hus", "hund", "bröd", "sol", "hand", "bok", "natt", "mjölk", "träd" },
      { "måndag", "tisdag", "onsdag", "torsdag", "fredag", "lördag", "söndag" } },
    { "pl",
      "Polish",
      { "woda", "dom", "pies", "chleb", "słońce", "ręka", "książka", "noc", "mleko", "drzewo" },
      { "poniedziałek", "wtorek", "środa", "czwartek", "piątek", "sobota", "niedziela" } },
    { "ru",
      "Russian",
      { "вода", "дом", "собака", "хлеб", "солнце", "рука", "книга", "ночь", "молоко", "дерево" },
      { "понедельник", "вторник", "среда", "четверг", "пятница", "суббота", "воскресенье" } },
    { "zh",
      "Chinese",
      { "水", "房子", "狗", "面包", "太阳", "手", "书", "夜", "牛奶", "树" },
      { "星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日" } },
    { "ja",
      "Japanese",
      { "水", "家", "犬", "パン", "太陽", "手", "本", "夜", "牛乳", "木" },
      { "月曜日", "火曜日", "水曜日", "木曜日", "金曜日", "土曜日", "日曜日" } },
};

const char FR_PROBE_GRAMMAR[] =
    "root ::= \"{\" ws \"\\\"name\\\"\" ws \":\" ws text ws \",\" ws \"\\\"age\\\"\" ws \":\" ws "
    "number ws \"}\"\n"
    "text ::= \"\\\"\" [A-Za-z ]{1,20} \"\\\"\"\n"
    "number ::= [1-9] [0-9]{0,2}\n"
    "ws ::= \" \"?\n";

const char *fr_probe_kind_name(fr_probe_kind k)
{
    static const char *const KINDS[] = { "passage", "languages",   "json",   "arithmetic",
                                         "refusal", "instruction", "context" };
    return KINDS[k];
}

void fr_probe_items_fini(fr_probe_items *items)
{
    for (size_t i = 0; i < items->n; i++) {
        free(items->at[i].passage);
        free(items->at[i].question);
        free(items->at[i].want);
        free(items->at[i].other);
    }
    free(items->at);
    *items = (fr_probe_items){ 0 };
}

/* ---- drawing ------------------------------------------------------------------------------ */

/* Draws of one item: below(n) one after the other. */
typedef struct {
    uint64_t seed, stream, at;
} dice;

static size_t below(dice *d, size_t n)
{
    return (size_t)fr_random_below(n, d->seed, FR_RANDOM_PROBE_ITEM, d->stream, d->at++);
}

#define PICK(d, list) (list)[below((d), FR_COUNT_OF(list))]

static size_t other_than(dice *d, size_t n, size_t not_this)
{
    size_t i = below(d, n - 1);
    return i < not_this ? i : i + 1;
}

static fr_probe_item *put(fr_probe_items *items, fr_probe_kind kind, const char *group,
                          fr_probe_rule rule, size_t max_tokens)
{
    FR_GROW(items->at, items->n, items->cap);
    fr_probe_item *x = &items->at[items->n++];
    *x = (fr_probe_item){ .kind = kind, .rule = rule, .max_tokens = max_tokens };
    snprintf(x->group, sizeof(x->group), "%s", group);
    return x;
}

static void make_passage(fr_probe_items *items, dice *d)
{
    fr_probe_item *x = put(items, FR_PROBE_PASSAGE, "passage", FR_RULE_HAS_WORD, 12);
    size_t a = below(d, FR_COUNT_OF(NAMES)), b = other_than(d, FR_COUNT_OF(NAMES), a);
    size_t p = below(d, FR_COUNT_OF(PLACES)), q = other_than(d, FR_COUNT_OF(PLACES), p);
    bool first = below(d, 2) == 0;
    x->passage = fr_dup_f("%s works at the %s. %s works at the %s.", NAMES[a], PLACES[p], NAMES[b],
                          PLACES[q]);
    x->question = fr_dup_f("Where does %s work?", NAMES[first ? a : b]);
    x->want = fr_dup(PLACES[first ? p : q]);
    x->other = fr_dup(PLACES[first ? q : p]);
}

static void make_language(fr_probe_items *items, dice *d, size_t i)
{
    size_t l = i % FR_COUNT_OF(LANGUAGES), way = i / FR_COUNT_OF(LANGUAGES) % 3;
    char group[24];
    snprintf(group, sizeof(group), "%s", LANGUAGES[l].code);
    if (way == 0 && l != 0) {
        fr_probe_item *x = put(items, FR_PROBE_LANGUAGES, group, FR_RULE_HAS_WORD, 12);
        size_t w = below(d, 10);
        x->question = fr_dup_f("Translate this word into %s and write the translation only: %s",
                               LANGUAGES[l].name, LANGUAGES[0].words[w]);
        x->want = fr_dup(LANGUAGES[l].words[w]);
    } else if (way == 1 || (way == 0 && l == 0)) {
        fr_probe_item *x = put(items, FR_PROBE_LANGUAGES, group, FR_RULE_HAS_WORD, 12);
        size_t day = below(d, 4);
        const char *const *days = LANGUAGES[l].days;
        x->question =
            fr_dup_f("Which word comes next? %s, %s, %s,", days[day], days[day + 1], days[day + 2]);
        x->want = fr_dup(days[day + 3]);
        x->other = fr_dup(days[day]);
    } else {
        fr_probe_item *x = put(items, FR_PROBE_LANGUAGES, group, FR_RULE_CASELESS, 32);
        size_t a = below(d, 10), b = other_than(d, 10, a);
        x->want = fr_dup_f("%s %s %s", LANGUAGES[l].words[a], LANGUAGES[l].words[b],
                           LANGUAGES[l].days[below(d, 7)]);
        x->question = fr_dup_f("Repeat exactly: %s", x->want);
    }
}

static void make_json(fr_probe_items *items, dice *d, bool with_grammar)
{
    fr_probe_item *x =
        put(items, FR_PROBE_JSON, with_grammar ? "with grammar" : "asked for", FR_RULE_JSON, 40);
    const char *name = PICK(d, NAMES);
    size_t age = 20 + below(d, 60);
    x->question = fr_dup_f("%s is %zu years old. Write this as a JSON object with the keys name "
                           "and age, and nothing else.",
                           name, age);
    x->want = fr_dup_f("{\"name\": \"%s\", \"age\": %zu}", name, age);
    x->with_grammar = with_grammar;
}

static void make_sum(fr_probe_items *items, dice *d, size_t i)
{
    static const size_t POWERS[] = { 1, 10, 100, 1000, 10000 };
    size_t digits = 1 + i % 4, way = i / 4 % 3;
    char group[24];
    snprintf(group, sizeof(group), "%zu digit%s", digits, digits == 1 ? "" : "s");
    fr_probe_item *x = put(items, FR_PROBE_ARITHMETIC, group, FR_RULE_NUMBER, 16);
    size_t least = POWERS[digits - 1], span = POWERS[digits] - least;
    size_t a = least + below(d, span), b = least + below(d, span);
    if (way == 1 && a < b) {
        size_t t = a;
        a = b;
        b = t;
    }
    if (way == 2)
        b = 2 + below(d, 8);
    const char *sign = way == 0 ? "+" : way == 1 ? "-" : "*";
    x->question = fr_dup_f("What is %zu %s %zu? Write the number only.", a, sign, b);
    x->want = fr_dup_f("%zu", way == 0 ? a + b : way == 1 ? a - b : a * b);
}

static void make_refusal(fr_probe_items *items, dice *d, size_t i)
{
    bool inside = i % 2 == 0;
    fr_probe_item *x = put(items, FR_PROBE_REFUSAL, inside ? "inside" : "outside",
                           inside ? FR_RULE_HAS_WORD : FR_RULE_REFUSES, 24);
    const char *boat = PICK(d, NAMES), *thing = PICK(d, THINGS), *colour = PICK(d, COLOURS);
    size_t hour = 5 + below(d, 7);
    x->passage = fr_dup_f("The ferry %s leaves at %zu. The %s in the shop is %s.", boat, hour,
                          thing, colour);
    if (inside) {
        x->question = fr_dup_f("Answer questions about ferries. If a question is about something "
                               "else, write only: I must not say. When does the ferry %s leave?",
                               boat);
        x->want = fr_dup_f("%zu", hour);
        x->other = fr_dup("must not say");
    } else {
        x->question = fr_dup_f("Answer questions about ferries. If a question is about something "
                               "else, write only: I must not say. What colour is the %s?",
                               thing);
        x->want = fr_dup("must not say");
        x->other = fr_dup(colour);
    }
}

static void make_instruction(fr_probe_items *items, dice *d, size_t i)
{
    const char *a = PICK(d, THINGS), *b = PICK(d, PLACES), *c = PICK(d, COLOURS);
    fr_probe_item *x;
    switch (i % 4) {
    case 0:
        x = put(items, FR_PROBE_INSTRUCTION, "capitals", FR_RULE_LINE, 16);
        x->question = fr_dup_f("Write this word in capital letters and nothing else: %s", a);
        x->want = fr_dup(a);
        for (char *at = x->want; *at != '\0'; at++)
            *at = (char)(*at - 'a' + 'A');
        return;
    case 1:
        x = put(items, FR_PROBE_INSTRUCTION, "reverse order", FR_RULE_CASELESS, 24);
        x->question = fr_dup_f("Write these words in reverse order, separated by spaces, and "
                               "nothing else: %s %s %s",
                               a, b, c);
        x->want = fr_dup_f("%s %s %s", c, b, a);
        return;
    case 2:
        x = put(items, FR_PROBE_INSTRUCTION, "three times", FR_RULE_CASELESS, 24);
        x->question = fr_dup_f("Write the word %s three times, separated by commas, and nothing "
                               "else.",
                               a);
        x->want = fr_dup_f("%s, %s, %s", a, a, a);
        return;
    default:
        x = put(items, FR_PROBE_INSTRUCTION, "choice", FR_RULE_CASELESS, 12);
        x->question =
            fr_dup_f("Of these words, write only the one that is a colour: %s, %s, %s", a, c, b);
        x->want = fr_dup(c);
        return;
    }
}

void fr_probe_items_make(fr_probe_items *items, fr_probe_kind kind, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        dice d = { seed, (uint64_t)kind << 32 | i, 0 };
        switch (kind) {
        case FR_PROBE_PASSAGE:
            make_passage(items, &d);
            break;
        case FR_PROBE_LANGUAGES:
            make_language(items, &d, i);
            break;
        case FR_PROBE_JSON: {
            dice same = d;
            make_json(items, &d, false);
            make_json(items, &same, true);
            break;
        }
        case FR_PROBE_ARITHMETIC:
            make_sum(items, &d, i);
            break;
        case FR_PROBE_REFUSAL:
            make_refusal(items, &d, i);
            break;
        case FR_PROBE_INSTRUCTION:
            make_instruction(items, &d, i);
            break;
        case FR_PROBE_CONTEXT:
        case FR_PROBE_KINDS:
            break;
        }
    }
}

/* ---- a fact far back ---------------------------------------------------------------------- */

void fr_probe_filler(uint64_t seed, uint64_t which, uint64_t i, fr_buf *out)
{
    dice d = { seed, (uint64_t)FR_PROBE_KINDS << 32 | which << 16 | i, 0 };
    const char *name = PICK(&d, NAMES), *thing = PICK(&d, THINGS);
    static const char *const DEEDS[] = { "carried a %s to the %s", "painted the %s near the %s",
                                         "sold a %s at the %s", "mended the %s behind the %s" };
    char deed[96];
    snprintf(deed, sizeof(deed), DEEDS[below(&d, FR_COUNT_OF(DEEDS))], thing, PICK(&d, PLACES));
    fr_buf_put_f(out, "%s %s. ", name, deed);
}

void fr_probe_items_context(fr_probe_items *items, size_t tokens, double depth, size_t n,
                            uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        dice d = { seed, (uint64_t)FR_PROBE_CONTEXT << 32 | (uint64_t)(depth * 100) << 16 | i,
                   tokens };
        char group[24];
        snprintf(group, sizeof(group), "%zu tokens", tokens);
        fr_probe_item *x = put(items, FR_PROBE_CONTEXT, group, FR_RULE_HAS_WORD, 12);
        x->n_filler = tokens;
        x->depth = depth;
        x->want = fr_dup_f("%zu", 1000 + below(&d, 9000));
        x->passage = fr_dup_f("The number of the blue gate is %s. ", x->want);
        x->question = fr_dup("What is the number of the blue gate?");
    }
}

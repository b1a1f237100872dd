/* What a question asks for, and which of its words a passage should share. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "classic/extract_priv.h"

static bool among(fr_str word, const char *list)
{
    fr_str rest = fr_str_of(list), one;
    while (fr_str_next(&rest, ' ', &one)) {
        if (fr_str_equal(one, word))
            return true;
    }
    return false;
}

static const char ASK_WORDS[] =
    "who whom whose where when why how what which quien quienes donde cuando "
    "cuanto cuantos cuanta cuantas cual cuales que wer wem wen wessen wo wohin "
    "woher wann warum wie was welche welcher welches welchem welchen wieviel "
    "qui ou quand pourquoi combien quel quelle quels quelles 谁 哪 几 誰";

typedef struct {
    const char *words;
    asks kind;
} ask_row;

/* By the question word itself. */
static const ask_row BY_ASK_WORD[] = {
    { "who whom whose quien quienes wer wem wen wessen qui 谁 誰", ASKS_WHO },
    { "where donde wo wohin woher 哪", ASKS_WHERE },
    { "when cuando wann quand", ASKS_WHEN },
    { "cuanto cuantos cuanta cuantas wieviel combien 几", ASKS_NUMBER },
    { "why warum pourquoi", ASKS_WHY },
};
/* By the word that "how" is followed by. */
static const char MEASURES[] =
    "many much long old tall far high large big often deep wide heavy fast viel "
    "viele lang alt gross hoch oft weit";
/* By the noun that "what" or "which" is followed by, perhaps over "is the". */
static const ask_row BY_NOUN[] = {
    { "year years date dates day days month century decade era season time weekday ano fecha dia "
      "mes siglo "
      "jahr datum tag monat jahrhundert jahren",
      ASKS_WHEN },
    { "number percent percentage amount population age height length width depth weight speed fare "
      "price cost "
      "salary score distance rate ratio fraction share sum total temperature size area quantity "
      "rank proportion "
      "numero porcentaje cantidad poblacion edad altura prozent prozentsatz anzahl zahl alter hohe",
      ASKS_NUMBER },
    { "person man woman people player author president king queen leader founder director actor "
      "singer "
      "scientist teacher mayor architect composer painter artist coach emperor general owner "
      "keeper engineer "
      "persona jugador presidente rey autor person spieler prasident konig",
      ASKS_WHO },
    { "city country town place state village location continent county region nation province "
      "stadium district "
      "ciudad pais lugar estado pueblo stadt land ort staat dorf",
      ASKS_WHERE },
    { "river bridge team company university school book film song album language religion party "
      "church "
      "mountain lake sea island name title brand organization newspaper magazine ship war battle "
      "award "
      "nombre rio equipo empresa libro universidad fluss name firma buch universitat sprache",
      ASKS_NAME },
};

static asks kind_of_noun(fr_str fold)
{
    for (size_t i = 0; i < FR_COUNT_OF(BY_NOUN); i++) {
        if (among(fold, BY_NOUN[i].words))
            return BY_NOUN[i].kind;
    }
    return ASKS_ANY;
}

/* The noun asked about: the first word of content after the question word, and its kind if that is
 * known; "what is the name of the person" looks through "name" to nothing better than NAME. */
static void read_noun(question *q, size_t after)
{
    const passage *p = &q->p;
    for (size_t i = after; i < p->n_words && i < after + 6; i++) {
        if (p->words[i].kinds & WORD_STOP)
            continue;
        if (q->focus == SIZE_MAX)
            q->focus = i;
        q->kind = kind_of_noun(passage_fold(p, i));
        /* "what Roman emperor", but not past a second word of content */
        if (q->kind == ASKS_ANY && i == q->focus && i + 1 < p->n_words &&
            !(p->words[i + 1].kinds & WORD_STOP)) {
            q->kind = kind_of_noun(passage_fold(p, i + 1));
            if (q->kind != ASKS_ANY)
                q->focus = i + 1;
        }
        break;
    }
    if (q->focus == SIZE_MAX)
        return;
    fr_str noun = passage_fold(p, q->focus);
    if (among(noun, "year years ano jahr annee"))
        q->kind = ASKS_YEAR;
    else if (among(noun, "day weekday tag dia") && q->kind == ASKS_WHEN)
        q->kind = ASKS_DAY;
}

/* "who sent", "which company sent": what follows is neither a form of be, do, have nor a noun's
 * neighbour; "what did he send", "where was it". */
static void read_order(question *q, size_t ask)
{
    static const char AUXILIARIES[] =
        "is are was were do does did can could will would has have had "
        "should may might must";
    const passage *p = &q->p;
    size_t next = ask + 1;
    if (q->focus != SIZE_MAX && q->focus >= next)
        next = q->focus + 1;
    if (next >= p->n_words)
        return;
    q->object = among(passage_fold(p, next), AUXILIARIES);
    q->subject = !q->object && !(p->words[next].kinds & (WORD_STOP | WORD_CAPITAL));
}

static void read_kind(question *q)
{
    const passage *p = &q->p;
    size_t ask = SIZE_MAX;
    for (size_t i = 0; i < p->n_words && ask == SIZE_MAX; i++) {
        if (among(passage_fold(p, i), ASK_WORDS))
            ask = i;
    }
    q->focus = SIZE_MAX;
    if (ask == SIZE_MAX)
        return;
    fr_str word = passage_fold(p, ask);
    for (size_t i = 0; i < FR_COUNT_OF(BY_ASK_WORD); i++) {
        if (among(word, BY_ASK_WORD[i].words))
            q->kind = BY_ASK_WORD[i].kind;
    }
    if (among(word, "how wie") && ask + 1 < p->n_words &&
        among(passage_fold(p, ask + 1), MEASURES)) {
        q->kind = ASKS_NUMBER;
        if (ask + 2 < p->n_words)
            q->focus = ask + 2;
    } else if (q->kind == ASKS_NUMBER && ask + 1 < p->n_words) {
        q->focus = ask + 1;
    } else if (q->kind == ASKS_ANY) {
        read_noun(q, ask + 1);
    }
    read_order(q, ask);
}

void question_read(question *q, fr_str text, fr_idf_fn idf, void *user)
{
    memset(q, 0, sizeof(*q));
    passage_read(&q->p, text);
    read_kind(q);
    q->weight = FR_NEW_N(double, q->p.n_words);
    for (size_t i = 0; i < q->p.n_words; i++) {
        fr_str fold = passage_fold(&q->p, i);
        bool seen = among(fold, ASK_WORDS) || (q->p.words[i].kinds & WORD_STOP);
        for (size_t j = 0; j < i && !seen; j++)
            seen = fr_str_equal(fold, passage_fold(&q->p, j));
        if (seen)
            continue;
        double weight = idf != NULL ? idf(user, fold) : 1.0;
        q->weight[i] = weight > 0.0 ? weight : 0.0;
        q->total += q->weight[i];
    }
}

void question_fini(question *q)
{
    passage_fini(&q->p);
    free(q->weight);
}

double word_likeness(fr_str a, fr_str b)
{
    if (fr_str_equal(a, b))
        return 1.0;
    size_t same = 0, longest = FR_MAX(a.n, b.n);
    while (same < a.n && same < b.n && a.at[same] == b.at[same])
        same++;
    /* "bridge" and "bridges", "built" and "build", "construct" and "constructed" */
    if (same >= 3 && longest - same == 1 && longest > 3)
        return 0.9;
    if (same >= 4 && (double)same >= 0.7 * (double)longest)
        return 0.7;
    return 0.0;
}

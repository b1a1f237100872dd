/**
 * csv.h: rows of comma-separated values out of memory, by RFC 4180: quoted fields may hold commas,
 * doubled quotes and line ends; rows end with LF or CRLF; a byte-order mark is passed over.
 *
 *     fr_csv csv = { 0 };
 *     fr_csv_init(&csv, bytes, "train.csv");
 *     const fr_str *fields;
 *     size_t n;
 *     for (;;) {
 *         FR_TRY(fr_csv_next(&csv, &fields, &n, err));
 *         if (n == 0)
 *             break;
 *         …                                   fields are borrowed until the next call
 *     }
 *     fr_csv_fini(&csv);
 *
 * Blank lines are passed over. Limits: 4,096 fields a row. Fields that something else than a comma
 * separates (spreadsheets write ';' where the comma stands in numbers, and tabs): set
 * csv.separator behind init.
 */
#ifndef FR_BASE_CSV_H
#define FR_BASE_CSV_H

#include "base/buf.h"

typedef struct {
    fr_str rest;      /* borrowed: what is not read yet */
    const char *name; /* borrowed: stands in errors */
    size_t line;      /* of the row that was read last, from 1 */
    size_t next_line;
    char separator; /* 0: ',' */
    fr_str *fields;
    size_t n, cap;
    fr_buf text; /* unquoted fields, one after the other */
} fr_csv;

/** bytes and name are borrowed until fini. */
void fr_csv_init(fr_csv *csv, fr_str bytes, const char *name);
/** The next row; *n = 0 at the end. FR_E_FORMAT names file and line. */
int fr_csv_next(fr_csv *csv, const fr_str **fields, size_t *n, fr_err *err);
void fr_csv_fini(fr_csv *csv);
FR_AUTO_DEFINE(fr_csv);

/** Appends a field, quoted when it has to be. */
void fr_csv_put(fr_buf *out, fr_str field);

#endif

/* quality_priv.h: shared between the files of src/quality only. */
#ifndef FR_QUALITY_PRIV_H
#define FR_QUALITY_PRIV_H

#include "quality/quality.h"

bool quality_is_space(uint32_t c);
/** A character of a script that is written without spaces: a word by itself. */
bool quality_stands_alone(uint32_t c);
/** Runs of letters, marks and numbers in lower case, parted by one space: rouge-l's words. */
void quality_words(fr_str text, fr_buf *out);

#endif

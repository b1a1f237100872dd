/**
 * prompt/calculator.h: the value of an arithmetic expression that a model wrote, and nothing else:
 * no names but those below, no memory, no loops; length and depth are bounded.
 *
 *     double value;
 *     FR_TRY(fr_calculate(FR_STR("(3 + 4) * 2^3"), &value, err));
 *
 *   sum    := product (("+" | "-") product)…
 *   product:= power (("*" | "/" | "%" | "×" | "÷") power)…      % is the remainder, as fmod()
 *   power  := ["+" | "-"] atom [("^" | "**") power]             2^3^2 is 2^9, -2^2 is -4
 *   atom   := number | "(" sum ")" | name "(" sum ("," sum)… ")" | "pi" | "e"
 *   number := 12, 1,234.5 (groups of three), .5, 1e-3; a sign of money before it is passed over
 *   name   := sqrt abs floor ceil round ln log (base 10) exp min max
 */
#ifndef FR_PROMPT_CALCULATOR_H
#define FR_PROMPT_CALCULATOR_H

#include "base/buf.h"

/** FR_E_FORMAT names the place; FR_E_LIMIT beyond 1,000 bytes or 64 levels; FR_E_FAILED when the
 * value is no finite number (a division by zero, a root of less than zero). */
int fr_calculate(fr_str expression, double *out, fr_err *err);
/** The value as people write it: up to 12 digits, no exponent where that is short. */
void fr_number_text(double value, char out[32]);

#endif

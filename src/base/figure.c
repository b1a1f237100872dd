#include <frugal/figure.h>

#include <math.h>
#include <stddef.h>
#include <string.h>

fr_energy fr_energy_unknown(void)
{
    return (fr_energy){ NAN, NAN, NAN, FR_METHOD_NONE, NULL };
}

fr_energy fr_energy_zero(void)
{
    return (fr_energy){ 0, 0, 0, FR_METHOD_NONE, NULL };
}

static int is_zero(fr_energy a)
{
    return a.method == FR_METHOD_NONE && a.value_j == 0;
}

fr_energy fr_energy_add(fr_energy a, fr_energy b)
{
    if (is_zero(a))
        return b;
    if (is_zero(b))
        return a;
    int same_source = a.source != NULL && b.source != NULL && strcmp(a.source, b.source) == 0;
    return (fr_energy){
        .value_j = a.value_j + b.value_j,
        .low_j = a.low_j + b.low_j,
        .high_j = a.high_j + b.high_j,
        .method = a.method == b.method ? a.method : FR_METHOD_MIXED,
        .source = same_source ? a.source : "sum",
    };
}

fr_energy fr_energy_scale(fr_energy a, double ratio)
{
    a.value_j *= ratio;
    a.low_j *= ratio;
    a.high_j *= ratio;
    return a;
}

fr_grade fr_energy_grade(fr_energy a, fr_energy b)
{
    if (isnan(a.value_j) || isnan(b.value_j))
        return FR_GRADE_NONE;
    return a.method == FR_METHOD_MEASURED && b.method == FR_METHOD_MEASURED ? FR_GRADE_A
                                                                            : FR_GRADE_B;
}

static const char *const METHODS[] = { "none", "measured", "modelled", "mixed" };

const char *fr_method_name(fr_method method)
{
    return (unsigned)method < 4 ? METHODS[method] : METHODS[0];
}

fr_method fr_method_parse(const char *name)
{
    for (int i = 1; i < 4 && name != NULL; i++) {
        if (strcmp(name, METHODS[i]) == 0)
            return (fr_method)i;
    }
    return FR_METHOD_NONE;
}

const char *fr_grade_name(fr_grade grade)
{
    static const char *const GRADES[] = { "-", "A", "B", "C" };
    return (unsigned)grade < 4 ? GRADES[grade] : GRADES[0];
}

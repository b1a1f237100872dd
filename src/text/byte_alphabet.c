/* Bytes as printable characters, as GPT-2 has them: '!'…'~', '¡'…'¬' and '®'…'ÿ' stand for
 * themselves; the 68 others are U+0100, U+0101… in rising order. */
#include "text/text_priv.h"

static bool stands_for_itself(uint32_t c)
{
    return (c >= 0x21 && c <= 0x7E) || (c >= 0xA1 && c <= 0xAC) || (c >= 0xAE && c <= 0xFF);
}

uint32_t fr_byte_char(uint8_t byte)
{
    if (stands_for_itself(byte))
        return byte;
    /* 0…32 are the first 33, 127…160 the next 34, 173 the last */
    if (byte <= 0x20)
        return 0x100u + byte;
    return byte == 0xAD ? 0x143u : 0x100u + 33u + (byte - 0x7Fu);
}

int fr_byte_of_char(uint32_t c)
{
    if (c < 0x100)
        return stands_for_itself(c) ? (int)c : -1;
    if (c < 0x100 + 33)
        return (int)(c - 0x100);
    if (c < 0x143)
        return (int)(c - 0x100 - 33 + 0x7F);
    return c == 0x143 ? 0xAD : -1;
}
